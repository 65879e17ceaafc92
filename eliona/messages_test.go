package eliona

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRoomsAddedCountsInEveryLanguage(t *testing.T) {
	require.Equal(t, Translation{
		De: "1 Exchange-Raum wurde als Asset hinzugefügt.",
		En: "1 Exchange room was added as an asset.",
		Fr: "1 salle Exchange a été ajoutée en tant qu’asset.",
		It: "1 sala Exchange è stata aggiunta come asset.",
	}, RoomsAddedMessage(1))
	require.Equal(t, Translation{
		De: "12 Exchange-Räume wurden als Assets hinzugefügt.",
		En: "12 Exchange rooms were added as assets.",
		Fr: "12 salles Exchange ont été ajoutées en tant qu’assets.",
		It: "12 sale Exchange sono state aggiunte come asset.",
	}, RoomsAddedMessage(12))
	none := RoomsAddedMessage(0)
	require.Equal(t, "0 salle Exchange a été ajoutée en tant qu’asset.", none.Fr, "French counts none as one")
	require.Contains(t, none.En+none.De+none.It, "rooms were")
}

func TestTimesAreWrittenInTheGivenZone(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	require.NoError(t, err)
	start := time.Date(2025, 3, 3, 9, 0, 0, 0, time.UTC)
	booked := BookedTime{Room: " Blue\nroom ", Start: start, End: start.Add(90 * time.Minute), Zone: zurich}
	message := BookingRefusedMessage(booked)
	require.Contains(t, message.En, "“Blue room” could not be booked for 3 March 2025, 10:00–11:30 CET because")
	require.Contains(t, message.De, "„Blue room“ konnte für den 03.03.2025, 10:00–11:30 Uhr (CET) nicht")
	require.Contains(t, message.Fr, "pour le 03/03/2025, 10:00–11:30 (CET), car")
	require.Contains(t, message.It, "per il 03/03/2025, 10:00–11:30 (CET) perché")

	booked.End = start.Add(20 * time.Hour)
	require.Contains(t, BookingFailedMessage(booked, FailureOther).En, "3 March 2025, 10:00 – 4 March 2025, 06:00 CET")
	booked.Zone = nil
	require.Contains(t, BookingFailedMessage(booked, FailureOther).De, "03.03.2025, 09:00 – 04.03.2025, 05:00 Uhr (UTC)")
	booked.Zone = time.FixedZone("", 3600)
	require.Contains(t, BookingFailedMessage(booked, FailureOther).It, "(UTC")
	dubai, err := time.LoadLocation("Asia/Dubai")
	require.NoError(t, err)
	booked.Zone = dubai
	require.Contains(t, BookingFailedMessage(booked, FailureOther).It, "(UTC+04)")
}

func TestAFailureTellsItsCause(t *testing.T) {
	booked := BookedTime{Room: "Lake", Start: time.Date(2025, 3, 3, 9, 0, 0, 0, time.UTC), End: time.Date(2025, 3, 3, 10, 0, 0, 0, time.UTC)}
	message := BookingFailedMessage(booked, FailureMailboxFull)
	require.Equal(t, "The booking of “Lake” for 3 March 2025, 09:00–10:00 UTC could not be transferred to Exchange: "+
		"The mailbox is full. The booking was cancelled.", message.En)
	require.Contains(t, message.De, "Das Postfach ist voll.")
	require.Contains(t, message.Fr, "La boîte aux lettres est pleine.")
	require.Contains(t, message.It, "La casella di posta è piena.")
	seen := map[string]bool{}
	for failure := FailureOther; failure <= FailureUnreachable; failure++ {
		message := BookingFailedMessage(booked, failure)
		for _, text := range []string{message.De, message.En, message.Fr, message.It} {
			require.NotContains(t, text, "%!")
			require.False(t, seen[text], text)
			seen[text] = true
		}
	}
	require.Equal(t, BookingFailedMessage(booked, FailureOther), BookingFailedMessage(booked, Failure(99)))
}

func TestEveryTextExistsInEveryLanguage(t *testing.T) {
	seen := map[string]bool{}
	for problem := ProblemOther; problem <= ProblemBookingTooOld; problem++ {
		message := ConfigurationProblemMessage(7, problem)
		for _, text := range []string{message.De, message.En, message.Fr, message.It} {
			require.Contains(t, text, "7")
			require.NotContains(t, text, "%!")
			require.False(t, seen[text], text)
			seen[text] = true
		}
	}
	require.Len(t, seen, 4*7)
	require.Equal(t, ConfigurationProblemMessage(7, ProblemOther), ConfigurationProblemMessage(7, Problem(99)))
	for _, l := range []language{english(), german(), french(), italian()} {
		require.Len(t, l.problems, 7)
	}
	recovered := ConfigurationRecoveredMessage(7)
	require.Equal(t, "Exchange configuration 7 works again. Bookings are synchronised.", recovered.En)
	for _, text := range []string{recovered.De, recovered.Fr, recovered.It} {
		require.Contains(t, text, "7")
	}
}
