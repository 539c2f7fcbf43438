package fleet

import (
	"reflect"
	"strings"
	"testing"
)

func variant(t *testing.T, r Report, name string) Variant {
	t.Helper()
	for _, v := range r.Variants {
		if strings.HasPrefix(v.Name, name) {
			return v
		}
	}
	t.Fatalf("there is no variant %q", name)
	return Variant{}
}

// A small fleet meets no limit; what a service was asked is what the laptops
// asked, and all of them get there.
func TestASmallFleet(t *testing.T) {
	r := Run(Options{Laptops: 300})
	if r.Accounts != 1 || r.Rate != 20 || r.Burst != 100 || len(r.Variants) != len(plans) {
		t.Fatalf("%+v", r.Options)
	}
	for _, v := range r.Variants {
		var calls, throttled int64
		for _, l := range v.Services {
			calls += l.Calls
			if l.Service != serviceNames[trail] { // two a second are soon too many
				throttled += l.Throttled
			}
			if l.Calls > 0 && (l.Second < 1 || l.Minute < l.Second || l.Calls < l.Minute || l.Minute*60*24*120 < l.Calls) {
				t.Errorf("%s: %+v", v.Name, l)
			}
		}
		if calls != v.Rotations+v.Looks+v.Checks || throttled != 0 || v.Left != 0 {
			t.Errorf("%+v", v)
		}
		if strings.HasPrefix(v.Name, "nothing due") {
			if v.Rotations != 0 || v.Looks != 0 || v.Checks != 300*2*5*8 {
				t.Errorf("%+v", v)
			}
			continue
		}
		// List, Create, Deactivate and Delete are five calls at the least, the
		// rounds of proving at least three, and a look is one of each kind.
		if v.Rotations < 300*(5+2*3) || v.Services[trail].Calls*2 != v.Looks || v.Looks < 300*2*2 || v.Checks < 300*2*8 {
			t.Errorf("%+v", v)
		}
		// The old key is kept for imported_grace and monitor, seven days each.
		if v.Switched <= 0 || v.Finished < v.Switched || v.Finished < 14*day {
			t.Errorf("%s: switched after %v, finished after %v", v.Name, v.Switched, v.Finished)
		}
	}
	old := variant(t, r, "old keys")
	if old.Switched > 2*hour {
		t.Errorf("keys that are due are not replaced as they come: %v", old.Switched)
	}
}

// one calculates the variant of a name alone.
func one(t *testing.T, name string, o Options) Variant {
	t.Helper()
	for _, p := range plans {
		if strings.HasPrefix(p.name, name) {
			return run(o.chosen(), p)
		}
	}
	t.Fatalf("there is no variant %q", name)
	return Variant{}
}

func TestATinyBucketThrottles(t *testing.T) {
	// All begin at the same instant, however wide the jitter of a schedule is.
	wide := one(t, "schedule", Options{Laptops: 100, NoJitter: true, Rate: 1e6, Burst: 1e6})
	tiny := one(t, "schedule", Options{Laptops: 100, NoJitter: true, Rate: 1, Burst: 20})
	if wide.Services[iam].Throttled != 0 || tiny.Services[iam].Throttled == 0 {
		t.Errorf("wide %+v, tiny %+v", wide.Services, tiny.Services)
	}
	if tiny.Left != 0 || tiny.Switched <= wide.Switched {
		t.Errorf("with throttling %d are left, and it takes %v instead of %v", tiny.Left, tiny.Switched, wide.Switched)
	}
}

// With the same id everywhere nothing spreads the laptops but their people.
func TestJitterFlattensThePeak(t *testing.T) {
	with := one(t, "schedule", Options{Laptops: 500, Rate: 1e6, Burst: 1e6})
	without := one(t, "schedule", Options{Laptops: 500, Rate: 1e6, Burst: 1e6, NoJitter: true})
	if without.Services[iam].Second < 20*with.Services[iam].Second || without.Services[iam].Minute < 2*with.Services[iam].Minute {
		t.Errorf("with jitter %+v, without %+v", with.Services[iam], without.Services[iam])
	}
}

func TestTheSameOptionsGiveTheSameReport(t *testing.T) {
	o := Options{Laptops: 101, Accounts: 3, Rate: 0.5, Burst: 10, Seed: 7}
	first := Run(o)
	if again := Run(o); !reflect.DeepEqual(first, again) {
		t.Errorf("\n%s\n%s", first, again)
	}
	o.Seed = 8
	if other := Run(o); reflect.DeepEqual(first.Variants, other.Variants) {
		t.Error("another seed changes nothing")
	}
}

// One account more is one bucket more, and no laptop is lost on the way.
func TestAccountsAreApart(t *testing.T) {
	whole := one(t, "nothing due", Options{Laptops: 201, Accounts: 1, Rate: 1e6, Burst: 1e6})
	parts := one(t, "nothing due", Options{Laptops: 201, Accounts: 4, Rate: 1e6, Burst: 1e6})
	if whole.Checks != parts.Checks || parts.Services[sts].Minute >= whole.Services[sts].Minute {
		t.Errorf("one %+v, four %+v", whole, parts)
	}
}
