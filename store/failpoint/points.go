package failpoint

// All are the points there are. A test of the whole holds the list against the
// calls in the source, and sees that each is passed by some operation.
var All = []string{
	// The two slots of a record or of a page of the index, each in turn.
	"store.seen.synced", // what was read is on disk
	"store.slot.setting",
	"store.slot.set",
	"store.slot.read", // back, and it was what was written
	"store.slot.synced",
	"store.slot.removing",
	"store.slot.removed",
	"store.slots.gone",

	// The index around them.
	"store.probe.set",
	"store.probe.removed",
	"store.index.page", // a new page is written, nothing leads to it yet
	"store.add.intended",
	"store.add.written",
	"store.rename.intended",
	"store.rename.copied",
	"store.rename.switched",
	"store.remove.intended",

	// A move of all records to another store, in both.
	"store.move.intended",
	"store.move.filling", // the other says that it is not in force
	"store.move.copied",
	"store.move.verified",
	"store.move.switching",
	"store.move.switched",
	"store.move.arrived",
	"store.move.buried", // a record is overwritten, and not removed yet
	"store.move.removed",
	"store.move.cleared",

	// The keyring library. All of them can return an error.
	"keychain.getting",
	"keychain.setting",
	"keychain.set",
	"keychain.removing",
	"keychain.removed",
	"keychain.syncing",

	// The file of created ids. The last can return an error.
	"note.created",
	"note.written",
	"note.synced",

	// The service.
	"daemon.locked",
	"daemon.listening",
	"daemon.opened",
	"daemon.move.frozen",
	"daemon.move.swapped", // the keys live in the other store
	"daemon.move.named",   // the configuration says so
	"daemon.telling",      // about to append to the history
	"daemon.closing",
	"daemon.closed",
	"daemon.marked", // as locked, in the state folder
	"daemon.unmarked",

	// A key: its record, by the phase that it enters or stays in. Told is when
	// the history has heard of it, after the version in force was switched.
	"key.saving.steady", "key.saved.steady", "key.told.steady",
	"key.saving.creating", "key.saved.creating", "key.told.creating",
	"key.saving.proving", "key.saved.proving", "key.told.proving",
	"key.saving.draining", "key.saved.draining", "key.told.draining",
	"key.saving.monitoring", "key.saved.monitoring", "key.told.monitoring",
	"key.saving.deleting", "key.saved.deleting", "key.told.deleting",
	"key.saving.held", "key.saved.held", "key.told.held",
	"key.reloading",
	"key.reloaded",
	"key.undoing", // at a stop, what could not be stored
	"key.undone",
	"key.taking",
	"key.taken",

	// A call to AWS, by its verb, before it and after its answer.
	"aws.asking.list", "aws.answered.list",
	"aws.asking.create", "aws.answered.create",
	"aws.asking.prove", "aws.answered.prove",
	"aws.asking.check", "aws.answered.check",
	"aws.asking.witness", "aws.answered.witness",
	"aws.asking.look", "aws.answered.look",
	"aws.asking.deactivate", "aws.answered.deactivate",
	"aws.asking.activate", "aws.answered.activate",
	"aws.asking.delete", "aws.answered.delete",

	// What a person asks for.
	"set.adding",
	"set.added",
	"set.renaming",
	"set.renamed",
	"set.removing",
	"set.removed",

	// The AWS files: one of them, whole.
	"awsfiles.editing",
	"awsfiles.edited",

	// Moving in: what awskey itself does, key by key.
	"init.taking",
	"init.taken",
	"init.pointed", // every AWS profile of the key has our line
	"init.proved",
	"init.deleting", // a file that repeats a key
	"init.rotating",
	"init.rotated",

	// Moving out: the same.
	"eject.asking",
	"eject.given", // one key, and the service has written that down
	"eject.restored",
	"eject.removing",
	"eject.removed",
}
