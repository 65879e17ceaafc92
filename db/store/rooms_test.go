package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
)

func TestRoomsFollowTheRoomList(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	sync := func(list ...engine.RoomInfo) bool {
		changed, err := o.term.SyncRooms(t.Context(), list)
		require.NoError(t, err)
		return changed
	}
	lake := engine.RoomInfo{Address: "lake@example.com", Name: "Lake"}
	hill := engine.RoomInfo{Address: "hill@example.com", Name: "Hill"}

	require.True(t, sync(lake, hill, lake), "new rooms; one that is listed twice is one")
	require.False(t, sync(hill, lake), "the same list again")
	first := o.rooms()
	equal(t, map[meeting.Address]meeting.Room{
		lake.Address: {ID: first[lake.Address].ID, Address: lake.Address, Name: "Lake"},
		hill.Address: {ID: first[hill.Address].ID, Address: hill.Address, Name: "Hill"},
	}, first)

	lake.Name = "Big Lake"
	require.True(t, sync(lake, hill))
	require.Equal(t, "Big Lake", o.rooms()[lake.Address].Name)

	require.True(t, sync(hill))
	require.True(t, o.rooms()[lake.Address].Retired)
	require.False(t, o.isDue(first[lake.Address].ID), "a retired room is left alone")
	require.False(t, sync(hill))

	require.True(t, sync(hill, lake))
	back := o.rooms()[lake.Address]
	require.False(t, back.Retired)
	require.Equal(t, first[lake.Address].ID, back.ID, "it is the same room")

	require.True(t, sync())
	require.True(t, o.rooms()[hill.Address].Retired)
}

func TestAReturningRoomBeginsAnew(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	before, err := o.term.SaveDelta(t.Context(), o.due(room), engine.Delta{Token: "t1"}, true, o.clock.Now().Add(time.Hour))
	require.NoError(t, err)
	o.read(room, entry("a", o.hour(9)))
	o.settled()
	require.NoError(t, o.term.RoomFailed(t.Context(), room, "gone", o.clock.Now().Add(time.Hour)))
	before.TokenVersion = o.due(room).TokenVersion
	o.list()
	o.list("lake@example.com")

	require.True(t, o.isDue(room))
	after := o.due(room)
	require.Empty(t, after.Token, "the change feed starts anew")
	require.True(t, after.Read, "its calendar is read")
	require.Zero(t, after.Fails)
	_, err = o.term.SaveDelta(t.Context(), before, engine.Delta{Token: "t2"}, false, o.clock.Now())
	require.ErrorIs(t, err, engine.ErrClaimLost, "a poll from before is void")

	require.Empty(t, claims(o), "its meetings wait until it has been read")
	require.Equal(t, o.only("a").ID, o.load(o.claim()).Meeting.Occurrences[0].ID)
}

func TestABookingMadeWhileOneOfItsRoomsWasGoneIsLookedAtWhenItReturns(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.room("sea@example.com", 20)
	o.list("sea@example.com")
	b := o.booking()
	b.Booking.Assets = []meeting.AssetID{10, 20}
	require.Equal(t, engine.Changed, o.observe(b))
	o.settled()
	o.list("sea@example.com", "lake@example.com")
	require.Equal(t, "uid of 7", string(o.load(o.claim()).Meeting.UID))
}

func claims(o *office) []engine.Claim {
	o.t.Helper()
	claims, err := o.term.Claim(o.t.Context(), 10, nil)
	require.NoError(o.t, err)
	return claims
}

func TestARoomHasAnAssetPerProject(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.list("lake@example.com", "hill@example.com")
	require.NoError(t, o.term.SaveAssets(t.Context(), []engine.Asset{
		{Project: "1", GAI: "root", ID: 1},
		{Project: "2", GAI: "lake", Room: "lake@example.com", ID: 22},
		{Project: "1", GAI: "lake", Room: "lake@example.com", ID: 11},
		{Project: "1", GAI: "hill", Room: "hill@example.com"},
	}))
	require.Equal(t, []meeting.AssetID{11, 22}, o.rooms()["lake@example.com"].Assets)
	require.Empty(t, o.rooms()["hill@example.com"].Assets, "its asset has no number yet")
}

func TestAssetsAreStoredOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	save := func(assets ...engine.Asset) []engine.Asset {
		require.NoError(t, o.term.SaveAssets(t.Context(), assets))
		stored, err := o.term.Assets(t.Context())
		require.NoError(t, err)
		return stored
	}
	require.Empty(t, save())
	asset := engine.Asset{Project: "1", GAI: "lake", Room: "lake@example.com"}
	equal(t, []engine.Asset{asset}, save(asset))
	equal(t, []engine.Asset{asset}, save(asset))

	made := asset
	made.ID, made.Described = 11, true
	equal(t, []engine.Asset{made}, save(made))
	equal(t, []engine.Asset{made}, save(asset)) // what is known is not forgotten

	moved := made
	moved.Room = "sea@example.com"
	equal(t, []engine.Asset{moved}, save(moved))
}

func TestConfigurationsDoNotTouchOneAnother(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	o.read(room, entry("a", o.hour(9)))
	mine, asset := o.rooms(), value[string](o, `select json_agg(a)::text from ews.asset a`)

	config, term := o.config, o.term
	o.config = o.configuration()
	o.term = o.lead(o.db)
	require.Empty(t, o.rooms())
	theirs := o.room("lake@example.com", 10)
	require.NotEqual(t, room, theirs)
	o.read(theirs, entry("a", o.hour(11)))
	o.list()
	equal(t, o.hour(11), o.only("a").Cells[0].SeenSpan)

	o.config, o.term = config, term
	equal(t, mine, o.rooms())
	require.Equal(t, asset, value[string](o, `select json_agg(a)::text from ews.asset a where configuration_id = $1`, config))
	equal(t, o.hour(9), o.only("a").Cells[0].SeenSpan)
}
