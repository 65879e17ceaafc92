package e2e

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/scenario"
	"ews/simulator/exchangesim/schematest"
)

// seedOfAccidents is the same every time, so that a change that breaks nothing
// is not refused for what another throw of the dice brought to light.
const seedOfAccidents = 1

// TestAcceptance plays the scenarios of scenarios/*.txt, side by side on a few
// stages: first with everything as it should be, then, beside the last of those,
// with accidents. Their seed is printed; ACCEPTANCE_SEED chooses another, and has
// the long ones played as well. ACCEPTANCE_APP names another
// binary of the app than the one of this source, ACCEPTANCE_LOGS a folder for
// what the processes logged, ACCEPTANCE_MD a file for the report, which has the
// tests that prove statements played, too: with servers as they should be and
// with unfriendly ones.
func TestAcceptance(t *testing.T) {
	scenarios, err := scenario.Files("scenarios/*.txt")
	require.NoError(t, err)
	seed := uint64(seedOfAccidents)
	if text := os.Getenv("ACCEPTANCE_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "ACCEPTANCE_SEED")
	}
	whole := os.Getenv("ACCEPTANCE_SEED") != "" || os.Getenv("ACCEPTANCE_MD") != ""
	withAccidents := slices.DeleteFunc(slices.Clone(scenarios), func(s *scenario.Scenario) bool {
		return s.Friendly || s.Long && !whole
	})
	friendly, unfriendly := results{}, results{}
	var messages atomic.Int64
	var both sync.WaitGroup
	calm, few := context.WithCancel(t.Context())
	both.Go(func() {
		defer few()
		t.Run("friendly", func(t *testing.T) { friendly = playAll(t, scenarios, scenario.Options{}, &messages, few) })
	})
	<-calm.Done()
	t.Run("unfriendly", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes a minute")
		}
		t.Logf("ACCEPTANCE_SEED=%d", seed)
		unfriendly = playAll(t, withAccidents, scenario.Options{Unfriendly: true, Seed: seed}, &messages, few)
	})
	both.Wait()
	if file := os.Getenv("ACCEPTANCE_MD"); file != "" {
		r := report{scenarios: scenarios, friendly: friendly, unfriendly: unfriendly, seed: seed}
		maps.Copy(r.friendly, goResults(t, &messages))
		maps.Copy(r.unfriendly, goResults(t, &messages, "UNFRIENDLY_SEED="+strconv.FormatUint(seed, 10)))
		r.messages = messages.Load()
		require.NoError(t, os.WriteFile(file, []byte(r.text()), 0o644))
	}
}

// aFew scenarios that still play leave the machine to others.
const aFew = 3

// aloneWorlds is how many stages there are for scenarios that want to be
// alone; each plays its share one after the other.
const aloneWorlds = 3

// playAll plays scenarios as subtests. Subtests that are parallel in the sense
// of package testing would be limited to the number of processors, but these
// mostly wait. What their traffic with Exchange is compared with the published
// schemas, as far as there are any, is added to messages. When only a few still
// play, few is called.
func playAll(t *testing.T, scenarios []*scenario.Scenario, o scenario.Options, messages *atomic.Int64, few func()) results {
	became := &resultBook{results: results{}, left: len(scenarios), few: few}
	alone := make([][]*scenario.Scenario, aloneWorlds)
	var together []*scenario.Scenario
	n := 0
	for _, s := range scenarios {
		if !s.Alone {
			together = append(together, s)
			continue
		}
		alone[n%aloneWorlds] = append(alone[n%aloneWorlds], s)
		n++
	}
	var all sync.WaitGroup
	world := func(share []*scenario.Scenario) *lazyWorld {
		w := &lazyWorld{t: t, scenarios: share, options: o, messages: messages}
		w.options.Dir = t.TempDir() // before the clean-up, so that it is still there then
		t.Cleanup(w.close)
		return w
	}
	for _, share := range alone {
		w := world(share)
		all.Go(func() {
			for _, s := range share {
				became.note(s, t.Run(s.Name(), func(t *testing.T) { w.play(t, s) }))
			}
		})
	}
	for _, share := range scenario.Share(together) {
		w := world(share)
		for _, s := range share {
			all.Go(func() {
				became.note(s, t.Run(s.Name(), func(t *testing.T) { w.play(t, s) }))
			})
		}
	}
	all.Wait()
	return became.results
}

// results tell by its name whether a scenario or a test passed.
type results map[string]bool

type resultBook struct {
	mu sync.Mutex
	results
	left int
	few  func()
}

func (b *resultBook) note(s *scenario.Scenario, passed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results[s.Name()] = passed
	if b.left--; b.left <= aFew {
		b.few()
	}
}

// lazyWorld is put up when the first of its scenarios is really played, so that
// "go test -run" does not wait for others.
type lazyWorld struct {
	t         *testing.T
	scenarios []*scenario.Scenario
	options   scenario.Options
	messages  *atomic.Int64 // that followed the published schemas

	once sync.Once
	*scenario.World
	err error
}

func (w *lazyWorld) play(t *testing.T, s *scenario.Scenario) {
	w.once.Do(func() {
		w.options.Binary = os.Getenv("ACCEPTANCE_APP")
		if schematest.Schemas() != "" {
			w.options.Records = filepath.Join(w.options.Dir, "records")
		}
		w.World, w.err = scenario.NewWorld(w.t.Context(), w.scenarios, w.options)
	})
	require.NoError(t, w.err)
	began := time.Now()
	err := w.Play(t.Context(), s, t.Logf)
	t.Logf("played in %v", time.Since(began).Round(100*time.Millisecond))
	if err != nil {
		t.Error(err)
	}
}

func (w *lazyWorld) close() {
	if w.World == nil || w.err != nil {
		return
	}
	if w.options.Unfriendly {
		n, err := w.Accidents(context.WithoutCancel(w.t.Context()))
		w.t.Logf("%d accidents happened to %d scenarios, %v", n, len(w.scenarios), err)
	}
	if dir := os.Getenv("ACCEPTANCE_LOGS"); dir != "" {
		for _, name := range []string{"app.log", "simulator.log"} {
			raw, err := os.ReadFile(filepath.Join(w.Dir, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(w.t.Name(), "/", "-")+"-"+filepath.Base(w.Dir)+"-"+name), raw, 0o600)
			}
			if err != nil {
				w.t.Error(err)
			}
		}
	}
	if err := w.World.Close(); err != nil {
		w.t.Error(err)
	}
	if w.options.Records != "" {
		n, err := schematest.Records{Dir: w.options.Records}.Check(context.WithoutCancel(w.t.Context()), schematest.Schemas())
		if err != nil {
			w.t.Error(err)
			return
		}
		w.t.Logf(compared, n)
		w.messages.Add(int64(n))
	}
}

// statements are what the product promises, by numbers.
var statements = [...]string{
	1:  "On a prepared database the app makes its schema and asset types and is registered in Eliona",
	2:  "A restart runs no init step and changes no data",
	3:  "Databases of all earlier releases are taken over with their mappings",
	4:  "Without configuration it logs one line of information and no error",
	5:  "Three variables are enough; the others have defaults",
	6:  "API_SERVER_PORT and LOG_LEVEL count",
	7:  "GET /version tells commit and time of the build",
	8:  "The description of the API is served as JSON, also with a doubled slash",
	9:  "metadata.json and the icon are as the app store wants them",
	10: "The example of the guide can be posted and gets an id",
	11: "GET /configs lists all configurations",
	12: "GET /configs/{id} shows one; an unknown id is refused as documented",
	13: "PUT stores, answers and counts at once",
	14: "DELETE ends the work and forgets the mappings; assets stay",
	15: "With client id, secret and tenant it uses OAuth",
	16: "With address, user name and password it uses NTLM",
	17: "With both, OAuth wins",
	18: "With neither, the configuration is refused and nothing breaks",
	19: "Fields that are left out get their defaults",
	20: "A configuration that is not enabled is at rest and not active",
	21: "One at work is active; clients cannot set that",
	22: "userId is the caller's and cannot be set",
	23: "Several configurations work side by side, each on its own rooms",
	24: "A server that does not answer costs the time limit and holds up no other room",
	25: "Only rooms that match the filter become assets",
	26: "Each project gets one root and below it an asset for each room",
	27: "A room's asset has type, name, identifier and e-mail address",
	28: "It is bookable, and its type offers occupancy",
	29: "Who saved the configuration is told the number of new rooms, once per project",
	30: "Discovering again changes and tells nothing",
	31: "A room that is added is synchronised without restart",
	32: "A room that is removed keeps its asset and is left alone",
	33: "A renamed asset keeps its name",
	34: "A deleted asset is not made again",
	35: "An asset whose mapping was deleted is adopted again",
	36: "Without room list nothing is discovered; what exists is synchronised",
	37: "Discovery is repeated at the interval",
	38: "Bookings of other assets are left alone",
	39: "A meeting made in Outlook is a booking with the same times, room and organizer",
	40: "A moved meeting moves that very booking",
	41: "An exchanged room moves the booking to the other asset",
	42: "A cancelled meeting cancels the booking with the reason cancelled",
	43: "An organizer shown by a directory name only is named by the e-mail address",
	44: "What happened while the Booking app was down arrives exactly once",
	45: "A thousand meetings that exist at first contact all become bookings",
	46: "The app's own meetings bring no second booking",
	47: "A booking made in Eliona is in the booker's calendar with the room invited",
	48: "Ten bookings within a second are all there in a few seconds",
	49: "Who has no mailbox is booked for by the service user",
	50: "So is an ad-hoc booking",
	51: "A booking changed in Eliona changes its meeting, there is never a second one",
	52: "A cancelled booking cancels the meeting for all attendees",
	53: "A declining room withdraws the meeting, cancels exactly that booking as conflict, and the booker is told",
	54: "Any other refusal by Exchange cancels the booking as error, leaves no meeting, and the booker is told",
	55: "A meeting made in Outlook ends when its booking is cancelled",
	56: "A restart or crash while people book loses nothing",
	57: "A no-show frees the room like any cancellation",
	58: "A series is a group of bookings",
	59: "A moved occurrence moves its booking only",
	60: "A cancelled occurrence cancels its booking only",
	61: "An extended or shortened series adds and cancels bookings of the same group",
	62: "A cancelled series cancels all its bookings to come",
	63: "One occurrence cancelled in Eliona is cancelled in Exchange, the others stay",
	64: "Occurrences beyond the room's horizon do not exist in Eliona, and nothing fails",
	65: "A meeting with two rooms is one booking with both, in whatever order they answer",
	66: "A room that is removed leaves the booking with the other",
	67: "All rooms follow a change or cancellation on either side",
	68: "Each occurrence of a series has exactly the rooms that accepted it",
	69: "Exchange Online works as the guide says, with the documented ids and permission",
	70: "A local Exchange works as the guide says, with ApplicationImpersonation and NTLM",
	71: "The documentation tells of the end of EWS in Exchange Online",
	72: "Guide, description of the API and behaviour agree on every field",
}

// proofs are Go tests that prove statements, beside the scenarios, which name
// their numbers themselves: folder, test, and what its subtests begin with.
var proofs = map[int][]string{
	1: {"e2e TestFirstStartAndRestart/P01"}, 2: {"e2e TestFirstStartAndRestart/P02", "e2e TestRestartAtWork"},
	3: {"e2e TestUpgrade"}, 4: {"e2e TestFirstStartAndRestart/P04"}, 5: {"e2e TestDefaults", "e2e TestWithoutInstructions"},
	6: {"e2e TestFirstStartAndRestart/P06"}, 7: {"e2e TestReleasedVersion", "apiservices TestP07TheVersionIsTheOneOfTheBuild"},
	8: {"e2e TestFirstStartAndRestart/P08", "apiservices TestP08TheDescriptionIsServedAsJSON"}, 9: {"e2e TestLikeTheOfficialSuite"},
	10: {"apiservices TestP10TheExampleOfTheGuideIsStoredWithAGeneratedId"}, 11: {"apiservices TestP11AllConfigurationsAreListed"},
	12: {"apiservices TestP12AnUnknownIdIsNotFound"},
	13: {"apiservices TestP13AChangeIsStoredAndAnswered", "e2e TestConfigurationAtRunTime/P13"},
	14: {"apiservices TestP14ADeletedConfigurationIsGoneWithAllThatDependsOnIt", "e2e TestConfigurationAtRunTime/P14"},
	15: {"e2e TestOAuthWins"}, 16: {"e2e TestWindowsAuthentication"}, 17: {"e2e TestOAuthWins"},
	18: {"apiservices TestP18WithoutCompleteCredentialsNothingIsStored"}, 19: {"apiservices TestP19OmittedFieldsGetTheirDefault"},
	20: {"apiservices TestP20P21TheClientCannotSetActive", "e2e TestConfigurationAtRunTime/P20"},
	21: {"apiservices TestP20P21TheClientCannotSetActive", "e2e TestConfigurationAtRunTime/P21"},
	22: {"apiservices TestP22TheUserIsTheCallerAndCannotBeSet", "e2e TestConfigurationAtRunTime/P21 P22"},
	23: {
		"e2e TestTwoConfigurations/P23", "e2e TestOverlappingConfigurations/P23", "e2e TestASharedRoomChangesHands/P23",
		"e2e TestTwoProjectsOfTwoConfigurations",
	},
	24: {"e2e TestSilentMailbox"}, 25: {"e2e TestConfigurationAtRunTime/P25"},
	26: {"e2e TestDiscovery/P26"}, 27: {"e2e TestDiscovery/P26 P27"}, 28: {"e2e TestDiscovery/P26 P27 P28"}, 29: {"e2e TestDiscovery/P29"},
	30: {"e2e TestDiscovery/P30"}, 31: {"e2e TestRoomsComeAndGo/P31"}, 32: {"e2e TestRoomsComeAndGo/P32"}, 33: {"e2e TestDiscovery/P33"},
	34: {"e2e TestDiscovery/P34"}, 35: {"e2e TestDiscovery/P35"}, 36: {"e2e TestRoomsComeAndGo/P36"}, 37: {"e2e TestDiscovery/P30 P37"},
	38: {"e2e TestDiscovery/P38"},
	43: {"exchange TestOrganizersAreNamed", "exchange TestDirectoryNames"}, 44: {"e2e TestBookingAppDown"},
	45: {"e2e TestFirstContact"}, 48: {"e2e TestTwentyBookingsAtOnce"}, 54: {"e2e TestRefusedByExchange/P54"}, 56: {"e2e TestKillAtAnyMoment", "e2e TestLostAnswers"},
	69: {"e2e TestDocumentation/P69", "e2e TestOAuthWins"}, 70: {"e2e TestDocumentation/P70", "e2e TestWindowsAuthentication"},
	71: {"e2e TestDocumentation/P71"},
	72: {
		"apiservices TestP72EveryDescribedFieldIsStoredAndShownUnderItsName", "apiservices TestP72TheDescribedDefaultsAreTheRealOnes",
		"apiservices TestP72TheDescribedLimitsAreTheRealOnes",
	},
}

// TestDocumentation is P69-P71, as far as words can prove them.
func TestDocumentation(t *testing.T) {
	files, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	var all strings.Builder
	for _, file := range append(files, "../README.md") {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		all.WriteString(strings.Join(strings.Fields(string(raw)), " "))
	}
	for name, wanted := range map[string][]string{
		"P69": {"full_access_as_app", "00000002-0000-0ff1-ce00-000000000000", "dc890d15-9560-4a4c-9b7f-a736ec74ec40", "admin consent"},
		"P70": {"ApplicationImpersonation", "New-ManagementRoleAssignment", "`ewsURL`, `username` and `password`"},
		"P71": {"October 2026", "Local servers are not concerned"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range wanted {
				require.Contains(t, all.String(), text)
			}
		})
	}
}

// TestEveryStatementIsProven checks that no number is without a scenario or a
// test, and that the tests named here exist.
func TestEveryStatementIsProven(t *testing.T) {
	scenarios, err := scenario.Files("scenarios/*.txt")
	require.NoError(t, err)
	for n := 1; n < len(statements); n++ {
		if len(scenariosOf(scenarios, n))+len(proofs[n]) == 0 {
			t.Errorf("P%02d has no proof: %s", n, statements[n])
		}
	}
	for _, s := range scenarios {
		for _, number := range s.Proves {
			n, err := strconv.Atoi(number[1:])
			if err != nil || n < 1 || n >= len(statements) {
				t.Errorf("%s:%d: there is no %s", s.File, s.Line, number)
			}
		}
	}
	tests := map[string]map[string][]string{}
	for n, names := range proofs {
		for _, name := range names {
			folder, test, subtest := proof(name)
			if tests[folder] == nil {
				tests[folder] = testsIn(t, filepath.Join("..", folder))
			}
			runs, exists := tests[folder][test]
			switch {
			case !exists:
				t.Errorf("P%02d is proven by a test that does not exist: %s", n, name)
			case subtest != "" && !slices.ContainsFunc(runs, func(r string) bool { return r == "" || strings.HasPrefix(r, subtest) }):
				t.Errorf("P%02d is proven by a subtest that does not exist: %s", n, name)
			}
		}
	}
}

func proof(name string) (folder, test, subtest string) {
	folder, name, _ = strings.Cut(name, " ")
	test, subtest, _ = strings.Cut(name, "/")
	return folder, test, subtest
}

func scenariosOf(all []*scenario.Scenario, n int) []*scenario.Scenario {
	return slices.DeleteFunc(slices.Clone(all), func(s *scenario.Scenario) bool {
		return !slices.Contains(s.Proves, fmt.Sprintf("P%02d", n))
	})
}

// testsIn lists the test functions of a folder with the names of their
// subtests, as far as they are written out; "" stands for one that is not.
func testsIn(t *testing.T, folder string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	tests := map[string][]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range parsed.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			tests[f.Name.Name] = []string{}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 2 {
					return true
				}
				if run, ok := call.Fun.(*ast.SelectorExpr); ok && run.Sel.Name == "Run" {
					tests[f.Name.Name] = append(tests[f.Name.Name], beginning(call.Args[0]))
				}
				return true
			})
		}
	}
	return tests
}

// beginning is the text that an expression begins with.
func beginning(e ast.Expr) string {
	if sum, ok := e.(*ast.BinaryExpr); ok {
		return beginning(sum.X)
	}
	if text, ok := e.(*ast.BasicLit); ok {
		if value, err := strconv.Unquote(text.Value); err == nil {
			return value
		}
	}
	return ""
}
