package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/apiserver"
	"ews/app/check"
	"ews/app/health"
)

func TestACheckIsToldInWords(t *testing.T) {
	t.Parallel()
	shown := health.PresentCheck(check.Report{Duration: 1500 * time.Millisecond, Steps: []check.Step{
		{Name: check.NameConfiguration, Status: check.OK},
		{Name: check.NameRoomList, Status: check.Failed, Code: "room_list_not_found", Detail: "room lists of this organization: a@example.com", Duration: 20 * time.Millisecond},
		{Name: check.NameRoom, Status: check.Skipped, Code: check.CodeEarlierFailed},
		{Name: "graph_subscription", About: "room-1@example.com", Status: check.Warning, Code: "AADSTS4711"},
	}})
	require.Equal(t, apiserver.Failed, shown.Status)
	require.EqualValues(t, 1500, shown.DurationMilliseconds)
	require.Equal(t, apiserver.CheckStep{Name: "configuration", Title: "Values of the configuration", Status: apiserver.Ok}, shown.Steps[0])
	list := shown.Steps[1]
	require.Equal(t, "Room list", list.Title)
	require.Contains(t, list.Text, "no room list")
	require.Contains(t, list.Fix, "roomListUPN")
	require.Contains(t, list.Detail, "a@example.com")
	require.EqualValues(t, 20, list.DurationMilliseconds)
	require.Contains(t, shown.Steps[2].Text, "a step before it failed")
	require.Equal(t, "graph_subscription", shown.Steps[3].Title, "a step of a later provider")
	require.Contains(t, shown.Steps[3].Fix, "error?code=4711")
}

func TestEveryStepOfACheckHasATitle(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		check.NameConfiguration, check.NameResolution, check.NameConnection, check.NameToken, check.NameLogon, check.NameExchange,
		check.NameImpersonation, check.NameRoomList, check.NameRoom, check.NameAssetFilter, check.NameUserMailbox, check.NameBookingApp,
		check.NameBookingGroups, check.NameBookingChanges, check.NameEliona, check.NameProject, check.NameAssetCreation,
	} {
		shown := health.PresentCheck(check.Report{Steps: []check.Step{{Name: name, Status: check.OK}}})
		require.NotEqual(t, name, shown.Steps[0].Title)
		require.Contains(t, text(t, guide), "`"+name+"`")
		require.Contains(t, text(t, "../../openapi.yaml"), "`"+name+"`")
	}
}
