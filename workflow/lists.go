package workflow

// The lists below are the only place that knows an order. A shorter command is a
// shorter list.

// Planning reads and compares; it changes nothing (OPC 10000-12, 7.7.5, steps 1 to 7).
var planning = []Step{
	connect{}, // validated and encrypted, before anything else is asked
	observe{}, // the whole configuration, its version, and the groups concerned
	compute{}, // what is missing, judged against the server's limits
	foresee{}, // what would stop working, for whoever wants to know it beforehand
}

// Matching takes the place of planning for a plan that was saved: it must still fit.
var matching = []Step{
	connect{},
	observe{},
	match{}, // same server, same certificate, same version: else the plan is stale
	foresee{},
}

// Configuring is Update Configuration (7.7.6).
var configuring = []Step{
	guard{},     // before anybody is asked, and long before CloseAndUpdate
	approve{},   // nothing is written that was not shown
	upload{},    // what was shown is what is sent
	reconnect{}, // the server may restart; only a new Session proves that it is reachable
	trial{},     // nothing is confirmed that does not work
	confirm{},   // while the server still waits for it
}

// Rehearsing brings an update about and lets the server take it back.
var rehearsing = []Step{
	guard{},
	approve{},
	upload{},
	insist{},    // on an UpdateId: without one the server keeps the update
	reconnect{}, // as for a confirmation
	trial{},     // the endpoints that changed
	witness{},   // the configuration that is in force
	revert{},    // nobody confirms
}

// Certifying is Update Certificates (7.7.2) for the groups of the plan.
var certifying = []Step{
	reobserve{}, // the groups that the update made, and their TrustLists
	trust{},     // before the certificate, which the server judges by it
	certify{},   // every slot gets its certificate
	activate{},  // ApplyChanges, once for all of them
}

// Proving shows that the plan did what it promised.
var proving = []Step{
	verify{},  // a Session through the new endpoint, with its new certificate
	recheck{}, // a new plan is empty
}

// Resuming finds out how far an earlier run came.
var resuming = []Step{
	connect{},   // by the endpoint of that run, or by those that its plan brings
	observe{},   // what is there now
	reconcile{}, // what became of its update, from what is seen alone
	resume{},    // its plan, for what is there now
}

// Completing is the rest of what was begun, whatever was begun.
var completing = []Step{
	guard{}, // trust lists and certificates may have changed since
	upload{},
	reconnect{},
	trial{},
	confirm{},
}

// Weighing reads groups and decides what they need; it changes nothing.
var weighing = []Step{
	connect{},
	survey{}, // the groups, and their TrustLists and slots where they matter
	decide{}, // everything that can be known to be wrong is said here
}

// Replacing is Update Certificates for groups that exist (7.7.2).
var replacing = []Step{
	consent{},        // nothing is written that was not shown
	preparingLists{}, // without transactions: seen to be in force before a key is made
	obtain{},         // before a transaction is open: a signer may take its time
	writeLists{},     // before the certificates, which the server judges by them
	changeSlots{},    // every slot that needs it
	activate{},       // ApplyChanges, once for all of them
	rejoin{},         // trusting the new certificate, and nothing else that is new
	agree{},          // slots, endpoints and the channel say the same
}

// Listing is Update TrustList (7.7.3) for groups that exist.
var listing = []Step{
	consent{},
	writeLists{},
	activate{},
	addSingly{},    // where whole lists have no effect, which is seen by now
	removeSingly{}, // where they are merged, likewise
	agree{},
}

// Returning finds out how far an earlier run of upkeep came.
var returning = []Step{
	connect{},
	survey{}, // what is there now
	takeUp{}, // what is left of its Work; a list or a slot that somebody else has changed ends it here
}

// Survey lists the steps that read groups, trust lists and slots.
func Survey() []Step { return list([]Step{connect{}, survey{}}) }

// Diagnose lists the steps that read TransactionDiagnostics.
func Diagnose() []Step { return list([]Step{connect{}, diagnose{}}) }

// EndWaiting lists the steps that end what an earlier Session has left, on servers
// that keep it, as State.Ending says.
func EndWaiting() []Step { return list([]Step{connect{}, sanction{}, endWaiting{}, rediagnose{}}) }

// ResumeEnding lists the steps that find out what became of EndWaiting. It ends
// nothing: what waits now need not be what was meant then.
func ResumeEnding() []Step { return list([]Step{connect{}, conclude{}}) }

// Weigh lists the steps that find out what UpdateCertificates would do.
func Weigh() []Step { return list(weighing) }

// UpdateCertificates lists the steps of Update Certificates (7.7.2).
func UpdateCertificates() []Step { return list(weighing, replacing) }

// UpdateTrustList lists the steps of Update TrustList (7.7.3).
func UpdateTrustList() []Step {
	return list(weighing, listing)
}

// ResumeCertificates lists the steps that go on with UpdateCertificates.
func ResumeCertificates() []Step { return list(returning, replacing[1:]) }

// ResumeTrustList lists the steps that go on with UpdateTrustList.
func ResumeTrustList() []Step { return list(returning, listing[1:]) }

// RequestCertificates lists the steps that get signing requests, to be signed
// elsewhere. The certificates come later, in another Session (7.10.10).
func RequestCertificates() []Step { return list(weighing, []Step{request{}}) }

// Plan lists the steps of a plan.
func Plan() []Step { return list(planning) }

// Match lists the steps that hold a saved plan against its server.
func Match() []Step { return list(matching) }

// Apply lists the steps that apply a manifest. Plan is its prefix.
func Apply() []Step { return list(planning, configuring, certifying, proving) }

// ApplySaved lists the steps that apply a saved plan.
func ApplySaved() []Step { return list(matching, configuring, certifying, proving) }

// ApplyConfiguration stops after the confirmation; certificates are left alone.
func ApplyConfiguration() []Step { return list(planning, configuring) }

// ApplySavedConfiguration is ApplyConfiguration for a saved plan.
func ApplySavedConfiguration() []Step { return list(matching, configuring) }

// ApplyUnconfirmed stops after the upload; another process will confirm.
func ApplyUnconfirmed() []Step { return list(planning, configuring[:3]) }

// ApplySavedUnconfirmed is ApplyUnconfirmed for a saved plan.
func ApplySavedUnconfirmed() []Step { return list(matching, configuring[:3]) }

// Resume lists the steps that go on with a run that was cut off.
func Resume() []Step {
	return list(resuming, completing, []Step{recount{}}, certifying[1:], proving)
}

// ResumeConfiguration stops after the confirmation.
func ResumeConfiguration() []Step { return list(resuming, completing) }

// Examine lists the steps that look at the health of a server. What is tried comes
// last: everything else is read by then, and its Session can be given back.
func Examine() []Step { return list([]Step{connect{}, observe{}, examine{}, attempt{}}) }

// Confirm lists the steps that confirm an update whose run has ended. It uploads nothing.
func Confirm() []Step { return list(resuming[:3], []Step{trial{}, confirm{}}) }

// Rehearse lists the steps that try an update and do not keep it.
func Rehearse() []Step { return list(planning, rehearsing) }

// Read lists the steps that read a configuration.
func Read() []Step { return list([]Step{connect{}, observe{}}) }

func list(parts ...[]Step) []Step {
	var steps []Step
	for _, p := range parts {
		steps = append(steps, p...)
	}
	return steps
}
