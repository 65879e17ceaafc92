package elionasim_test

import (
	"context"
	"net/url"
	"testing"

	api "github.com/eliona-smart-building-assistant/go-eliona-api-client/v2"
	"github.com/stretchr/testify/require"

	"ews/simulator/elionasim"
)

// generated returns the client that is generated from API v2.8.2. Its decoders
// refuse unknown and missing keys, so its success proves the models.
func generated(t *testing.T, a *eliona) (*api.APIClient, context.Context) {
	t.Helper()
	location, err := url.Parse(a.url)
	require.NoError(t, err)
	configuration := api.NewConfiguration()
	configuration.Scheme, configuration.Host = location.Scheme, location.Host
	configuration.Servers = api.ServerConfigurations{{URL: a.url}}
	ctx := context.WithValue(t.Context(), api.ContextAPIKeys, map[string]api.APIKey{"ApiKeyAuth": {Key: "secret"}})
	return api.NewAPIClient(configuration), ctx
}

func TestGeneratedClient(t *testing.T) {
	a := start(t)
	client, ctx := generated(t, a)

	app, _, err := client.AppsAPI.GetAppByName(ctx, "ews").Execute()
	require.NoError(t, err)
	require.False(t, *app.Registered.Get())
	_, err = client.AppsAPI.PatchAppByName(ctx, "ews").Registered(true).Execute()
	require.NoError(t, err)
	patch, _, err := client.AppsAPI.GetPatchByName(ctx, "ews", "000400").Execute()
	require.NoError(t, err)
	require.False(t, *patch.Applied.Get())
	_, err = client.AppsAPI.PatchPatchByName(ctx, "ews", "000400").Apply(true).Execute()
	require.NoError(t, err)

	kind := *api.NewAssetType("ews_room")
	kind.Attributes = []api.AssetTypeAttribute{*api.NewAssetTypeAttribute("email", api.SUBTYPE_INFO)}
	stored, _, err := client.AssetTypesAPI.PutAssetType(ctx).Expansions([]string{"AssetType.attributes"}).AssetType(kind).Execute()
	require.NoError(t, err)
	require.Len(t, stored.Attributes, 1)

	root := *api.NewAsset("10", "root", "ews_room")
	root.ParentFunctionalIdentifier = *api.NewNullableString(new(""))
	leaf := *api.NewAsset("10", "leaf", "ews_room")
	leaf.ParentFunctionalIdentifier = *api.NewNullableString(new("root"))
	leaf.Name = *api.NewNullableString(new("Leaf"))
	assets, _, err := client.AssetsAPI.PutBulkAssets(ctx).IdentifyBy(string(api.ASSET_IDENTIFY_BY_GAI_PROJ_ID)).Asset([]api.Asset{root, leaf}).Execute()
	require.NoError(t, err)
	require.Len(t, assets, 2)
	id := *assets[1].Id.Get()
	asset, _, err := client.AssetsAPI.GetAssetById(ctx, id).Execute()
	require.NoError(t, err)
	require.Equal(t, []int32{id - 1, id}, asset.FunctionalAssetIdPath)

	_, err = client.DataAPI.PutData(ctx).Data(*api.NewData(id, api.SUBTYPE_INFO, map[string]any{"email": "x"})).Execute()
	require.NoError(t, err)
	data, _, err := client.DataAPI.GetData(ctx).AssetId(id).DataSubtype("info").Execute()
	require.NoError(t, err)
	require.Equal(t, map[string]any{"email": "x"}, data[0].Data)

	message := *api.NewNullableTranslation(&api.Translation{En: new("hello")})
	receipt, _, err := client.CommunicationAPI.PostNotification(ctx).Notification(*api.NewNotification("42", message)).Execute()
	require.NoError(t, err)
	_, _, err = client.CommunicationAPI.GetMessageReceiptById(ctx, receipt.Id).Execute()
	require.NoError(t, err)
	users, _, err := client.UsersAPI.GetUsers(ctx).Execute()
	require.NoError(t, err)
	require.Len(t, users, 5)
	_, _, err = client.ProjectsAPI.GetProjects(ctx).Execute()
	require.NoError(t, err)

	// What newer servers send is more than this client takes.
	switches := a.Switches()
	switches.UnknownFields = elionasim.FieldsDocumented
	require.NoError(t, a.SetSwitches(switches))
	_, _, err = client.AssetsAPI.GetAssetById(ctx, id).Execute()
	require.ErrorContains(t, err, "allowedInactivity")
	_, _, err = client.AppsAPI.GetAppByName(ctx, "ews").Execute()
	require.NoError(t, err)
}
