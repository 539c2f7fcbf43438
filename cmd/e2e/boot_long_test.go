//go:build linux && long

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// boot has systemd as process 1 of a namespace, over a view of this machine's files
// in which nothing that is written lasts, with logind and a user of its own who
// lingers. $1 is the folder of the programs and of the test, $2 the test's name, $3
// where its output goes.
const boot = `set -eu
if [ -z "${BOOT_STAGE:-}" ]; then
	tree=$(awk '$3=="cgroup2"{print $2; exit}' /proc/mounts)
	mkdir -p "$tree/awskeyd-boot"
	echo 0 > "$tree/awskeyd-boot/cgroup.procs"
	BOOT_STAGE=2 exec unshare --cgroup sh "$0" "$@"
fi
mount --make-rprivate /
w=$(mktemp -d)
mount -t tmpfs tmpfs "$w"
mkdir "$w/up" "$w/work" "$w/root"
t=$w/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$w/up,workdir=$w/work" "$t"
mount -t proc proc "$t/proc"
mount -t sysfs -o ro sysfs "$t/sys"
mount -t cgroup2 cgroup2 "$t/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$t/run"
rm -rf "$t"/tmp/*
mount -t tmpfs -o mode=755 tmpfs "$t/dev"
for d in null zero full random urandom tty; do
	touch "$t/dev/$d"
	mount --bind "/dev/$d" "$t/dev/$d"
done
mkdir "$t/dev/shm" "$t/dev/pts"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$t/dev/pts"
ln -s pts/ptmx "$t/dev/ptmx"
touch "$t/dev/console"
mount --bind "$3" "$t/dev/console"
mkdir "$t/srv/inside"
cp -a "$1/." "$t/srv/inside/"
find "$t/usr/lib/systemd/user" -name 'awskeyd*' -delete
rm -f "$t"/etc/systemd/system/*.wants/* "$t"/etc/resolv.conf
mkdir -p "$t/run/systemd/system/multi-user.target.wants"
cat > "$t/run/inside.sh" <<'S'
set -eu
useradd -m -s /bin/sh lingerer
uid=$(id -u lingerer)
chown -R lingerer: /srv/inside
ip link set lo up 2>/dev/null || true
loginctl enable-linger lingerer
for n in $(seq 200); do
	[ "$(systemctl is-active user@"$uid".service)" = active ] && break
	sleep 0.1
done
# What logind does at a boot for one who lingers, upon the test's word.
while sleep 0.1; do
	[ ! -e /srv/inside/again ] || { systemctl restart user@"$uid".service; rm /srv/inside/again; }
done &
cd /srv/inside
exec setpriv --reuid="$uid" --regid="$(id -g lingerer)" --init-groups env -i HOME=/home/lingerer USER=lingerer PATH="$PATH" TMPDIR=/srv/inside \
	GORACE=atexit_sleep_ms=0 AWSKEYD_TEST_INSIDE=/srv/inside/bin AWSKEYD_TEST_BOOTED=1 /srv/inside/test -test.v -test.timeout=4m -test.run="^$1\$"
S
cat > "$t/run/systemd/system/inside.service" <<U
[Unit]
After=systemd-logind.service dbus.service systemd-user-sessions.service
[Service]
Type=oneshot
Environment=PATH=$PATH
StandardOutput=file:/dev/console
StandardError=inherit
ExecStart=/bin/sh -c 'sh /run/inside.sh $2; echo ENDED \$?; systemctl poweroff --force --force'
U
ln -s ../inside.service "$t/run/systemd/system/multi-user.target.wants/inside.service"
exec chroot "$t" env -i container=awskeyd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --show-status=false --log-target=null systemd.unit=multi-user.target
`

// underBoot is underManager with systemd as process 1, logind, and a user who lingers.
func underBoot(t *testing.T, test func(m *userManager)) {
	t.Helper()
	if os.Getenv("AWSKEYD_TEST_BOOTED") != "" {
		underManager(t, test)
		return
	}
	if os.Getenv("AWSKEYD_SKIP_NAMESPACES") != "" {
		t.Skip("told to skip what takes namespaces (AWSKEYD_SKIP_NAMESPACES)")
	}
	if os.Getuid() != 0 {
		t.Fatal("this takes root, for namespaces of its own; AWSKEYD_SKIP_NAMESPACES=1 skips it")
	}
	base := insideFolder(t)
	console := filepath.Join(base, "console")
	script := filepath.Join(base, "boot.sh")
	for path, text := range map[string]string{console: "", script: boot} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool(t, "unshare", "util-linux"), "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "sh", script, base, t.Name(), console)
	out, err := cmd.CombinedOutput() // a power-off ends it by a signal
	said, readErr := os.ReadFile(console)
	if readErr != nil {
		t.Fatal(readErr)
	}
	switch text := string(said); {
	case strings.Contains(text, "--- PASS: "+t.Name()) && strings.Contains(text, "ENDED 0"):
		t.Logf("inside:\n%s", text)
	case strings.Contains(string(out), "Operation not permitted"):
		t.Fatalf("namespaces are forbidden here; AWSKEYD_SKIP_NAMESPACES=1 skips this:\n%s", out)
	default:
		t.Fatalf("inside: %v\n%s\n%s", err, out, text)
	}
}

// TestTheServiceOfAUserWhoLingers begins with the machine, before anybody has logged
// in, and comes back whenever it ends.
func TestTheServiceOfAUserWhoLingers(t *testing.T) {
	underBoot(t, func(m *userManager) {
		aws := m.newcomer()
		if r := m.h.awskey("init", "--yes"); r.exit != exitDone || !strings.Contains(r.stdout, "The service is installed") && !strings.Contains(r.stdout, "was replaced") {
			t.Fatalf("init: exit %d, %s%s", r.exit, r.stdout, r.stderr)
		}
		m.signs(aws)
		first := m.pid()
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		t.Logf("the first answer after a kill -9 took %v", m.answered().Round(time.Millisecond))
		again := m.another(first)

		t.Log("the whole of the user's services ends, and begins again with nobody logged in")
		if err := os.WriteFile("/srv/inside/again", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, func() string {
			r := m.h.run("", "systemctl", "--user", "show", "--property=MainPID", "--value", "awskeyd.service")
			if pid := strings.TrimSpace(r.stdout); r.exit != 0 || pid == "0" || pid == fmt.Sprint(again) {
				return fmt.Sprintf("exit %d, process %s, %s", r.exit, pid, r.stderr)
			}
			return ""
		})
		m.signs(aws)
		if r := m.h.awskey("eject", "--yes"); r.exit != exitDone {
			t.Fatalf("eject: exit %d, %s%s", r.exit, r.stdout, r.stderr)
		}
		if left := m.belongings(); left != "" {
			t.Errorf("eject left behind:\n%s", left)
		}
	})
}
