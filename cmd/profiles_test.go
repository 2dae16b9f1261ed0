package cmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/uapush/uapush/workflow/push/sim"
)

// lack is the one thing in which a kind of server differs so that a script cannot
// go on as it is written.
type lack struct {
	what string
	// shows is how the end of a script that meets it reads: its last command, what
	// that printed, and what was expected of it.
	shows *regexp.Regexp
	// scripts are those that may meet it; none is any, where uapush itself names what
	// the server lacks.
	scripts []string
}

// lacks is a lack that uapush says in these words.
func lacks(what, shows string) lack {
	return lack{what: what, shows: regexp.MustCompile("(?s)" + shows)}
}

// in names the scripts of a lack that only shows in what they expect.
func (l lack) in(scripts string) lack {
	l.scripts = strings.Fields(scripts)
	return l
}

// profileLacks are the differences of the kinds of server that have any.
func profileLacks() map[string][]lack {
	return map[string][]lack{
		"renames-records": {
			lacks("gives its records other names with every version", `there is no endpoint named|names "\w+", which neither the manifest nor|want\S* differ|\[name=line-b\]`).
				in("apply_curves apply_group_shared apply_replace apply_tokens config_diff config_drift config_export config_get endpoint_delete endpoint_delete_in_use endpoint_list"),
			lacks("cannot be asked by name whether it has taken an update back", `Bad_TransactionPending|confirm exits with 0, want 6`).
				in("fault_lost_upload fault_restart journal_confirm journal_resume"),
		},
		"no-configfile": {
			lacks("has no ConfigurationFile", `the server has no ConfigurationFile`),
			lacks("has no ConfigurationFile, as several servers say or its log does", `failed, with these exit codes: plc1 \(7\)|never logged CloseAndUpdate`).
				in("fleet interrupted fault_vanished fault_two_at_once fault_slow_restart"),
			lacks("has no ManagedApplications", `the server has no ManagedApplications`),
			lacks("does not say the purpose of its groups", `ApplicationCertificate \+RsaSha256`).in("cert_purposes cert_renew"),
			lacks("has no transactions", `exits with 8, want 7`).in("cert_failure journal_upkeep"),
		},
		"ignores-targets": {
			lacks("asks for no confirmation, and takes nothing back", `is (not )?confirmed|confirmed in stdout is false|to be confirmed by|gave no UpdateId|want-applied.txt differ|exits with 0, want 8|asked for no confirmation|took it back unconfirmed|never exits with 3`).
				in("application_client apply_json apply_manifest apply_saved_inventory apply_skip_certificates apply_stdin apply_tokens ci_job fault_lost_confirm fault_lost_upload " +
					"fault_port_taken fault_restart fault_reverted fault_slow_restart journal_confirm journal_resume journal_runs rehearse saved_plan"),
			lacks("deletes nothing", `gives no new version`).in("cert_selfsigned config_diff config_drift endpoint_delete endpoint_delete_in_use"),
			lacks("lets the last one have the file", `exits with [03], want 6`).in("fault_lost_open fault_two_at_once"),
			lacks("has one verdict for all targets", `CloseAndUpdate: Bad_NotSupported`).in("fault_rejected"),
			lacks("has no largest trust list", `65535 allowed|exits with 0, want 3`).in("cert_bad_input trust_lists"),
		},
		"no-transactions": {
			lacks("has no TransactionDiagnostics and none of the optional methods", `the server has no (TransactionDiagnostics|CreateSelfSignedCertificate|DeleteCertificate|CancelChanges)`),
			lacks("has nothing staged that ApplyChanges would put in force or discard", `exits with 0, want [78]|exits with 8, want 7|told to apply the changes|were staged|want-progress.txt differ`).
				in("apply_manifest cert_failure fault_lost_apply_changes fault_lost_certificates fault_restart journal_pin journal_resume trust_lists"),
		},
		"single-group": {
			lacks("has one group, with RSA", `is not permitted by the server`),
			lacks("has one group, as several servers say or its log does", `failed, with these exit codes: plc1 \(3\)|never logged CloseAndUpdate`).
				in("fleet interrupted fault_vanished fault_two_at_once fault_slow_restart"),
			lacks("has no group for user certificates, and no such users", `DefaultUserTokenGroup|names "Certificate", which neither|want-untrusted.txt differ|user of certificate`).
				in("apply_lockout apply_tokens cert_purposes discover login_certificate trust_lists"),
			lacks("lists nobody as rejected", `\[0-9a-f\]\{64\}`).in("rejected_trust"),
			lacks("has no ManagedApplications", `the server has no ManagedApplications`),
		},
		"slow-restart": {
			lacks("is away for longer than a short time to confirm", `refuses the connection|want-progress.txt differ`).in("apply_manifest journal_confirm"),
		},
	}
}

// suiteProfiles are the kinds of server that all scripts run on: those that are like
// what is in the field. The others vary them, and have scripts of their own.
var suiteProfiles = []string{
	"renames-records", "no-configfile", "ns105-05", "ignores-targets", "no-transactions", "single-group", "strict-1.05.07", "slow-restart",
}

// TestScriptsOnProfiles runs all scripts that start a server on each of these kinds.
// A script passes, or ends where the server lacks what it needs; each lack has to show.
func TestScriptsOnProfiles(t *testing.T) {
	if os.Getenv("UAPUSH_ALL_PROFILES") == "" {
		t.Skip("every script on every kind of server takes minutes; make profiles, or UAPUSH_ALL_PROFILES=1, runs them")
	}
	own, shared := prepareOwn(t), &supply{}
	for _, profile := range suiteProfiles {
		if !slices.Contains(sim.Profiles(), profile) {
			t.Errorf("there is no profile %s", profile)
		}
		t.Run(profile, func(t *testing.T) {
			k := &onProfile{lacks: profileLacks()[profile], met: map[string]int{}}
			run := func(what string, files []string) {
				t.Run(what, func(t *testing.T) {
					params := scriptParams(own, shared, profile)
					params.Dir, params.Files = "", files
					testscript.RunT(profileT{t, k}, params)
				})
			}
			run("scripts", onServers(t))
			if len(k.failed) > 0 { // in real time a busy machine can be late
				k.last = true
				run("once more", k.failed)
			}
			for _, l := range k.lacks {
				if k.met[l.what] == 0 {
					t.Errorf("no script meets that the server %s", l.what)
				}
			}
		})
	}
}

// onProfile is what the scripts of one kind of server have met.
type onProfile struct {
	lacks []lack

	last bool // nothing is tried again

	mu     sync.Mutex
	met    map[string]int
	failed []string // scripts to be tried once more
}

// tryAgain says whether a script that failed is tried once more.
func (k *onProfile) tryAgain(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.last {
		k.failed = append(k.failed, filepath.Join(scriptDir, name+".txtar"))
	}
	return !k.last
}

// excuse names the lack that a failed script has met, or "".
func (k *onProfile) excuse(name, log string) string {
	end := log
	if all := regexp.MustCompile(`(?m)^> .*uapush .*$`).FindAllStringIndex(log, -1); len(all) > 0 {
		end = log[all[len(all)-1][0]:]
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.lacks {
		if l.shows.MatchString(end) && (len(l.scripts) == 0 || slices.Contains(l.scripts, name)) {
			k.met[l.what]++
			return l.what
		}
	}
	return ""
}

// profileT runs scripts beside one another.
type profileT struct {
	*testing.T
	k *onProfile
}

func (t profileT) Verbose() bool { return testing.Verbose() }

func (t profileT) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(inner *testing.T) {
		inner.Parallel()
		s := &profileScript{profileT: profileT{inner, t.k}, name: name}
		var script sync.WaitGroup
		script.Go(func() { f(s) }) // which testscript ends as testing does; its log comes after that
		script.Wait()
		s.judge()
	})
}

// profileScript is one script, whose failure is judged by what its kind of server lacks.
type profileScript struct {
	profileT
	name    string
	log     string
	failed  bool
	skipped string
}

// TB is the test that a script is.
func (s *profileScript) TB() testing.TB { return s.T }

// Parallel is done already.
func (s *profileScript) Parallel() {}

func (s *profileScript) Log(args ...any) { s.log += fmt.Sprintln(args...) }

func (s *profileScript) Skip(args ...any) {
	s.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}

func (s *profileScript) FailNow() {
	s.failed = true
	runtime.Goexit()
}

func (s *profileScript) Fatal(args ...any) {
	s.Log(args...)
	s.FailNow()
}

func (s *profileScript) judge() {
	if s.failed {
		switch s.skipped = s.k.excuse(s.name, s.log); {
		case s.skipped != "":
		case s.k.tryAgain(s.name):
			s.skipped = "it failed, and is tried once more:\n" + s.log
		default:
			s.T.Fatal(s.log)
		}
	}
	if s.skipped != "" {
		s.T.Skip(s.skipped)
	}
}

// onServers lists the scripts that start a server and do not say of which kind.
func onServers(t *testing.T) (files []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(scriptDir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	starts := regexp.MustCompile(`(?m)^sim start .*$`)
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(starts.FindAllString(string(text), -1), func(line string) bool { return !strings.Contains(line, "-profile") }) {
			files = append(files, file)
		}
	}
	if len(files) < 50 {
		t.Fatalf("%d scripts start a server; the pattern is wrong", len(files))
	}
	return files
}
