package eliona

import (
	"fmt"
	"strings"
	"time"
)

// Problem is why a configuration does not work, as far as its owner can mend it.
type Problem int

// The problems of a configuration.
const (
	ProblemOther Problem = iota
	ProblemCredentials
	ProblemPermission
	ProblemExchangeUnreachable
	ProblemRoomList
	ProblemBookingUnreachable
	ProblemBookingTooOld
)

// Failure is why Exchange did not take a booking, as far as its booker can make
// something of it.
type Failure int

// The failures of a booking. The zero value is one that only the log explains.
const (
	FailureOther Failure = iota
	FailureMailboxFull
	FailureSending
	FailurePermission
	FailureRoomAddress
	FailureTimes
	FailureUnreachable
)

// BookedTime names a booking in a message.
type BookedTime struct {
	Room       string
	Start, End time.Time
	Zone       *time.Location // for the reader; nil = UTC
}

// language is one column of the table of texts.
type language struct {
	roomsAdded, roomsAddedMany string // number
	singular                   func(n int) bool
	refused, failed, unchanged string // room, time; failed also the cause
	failures                   map[Failure]string
	problem                    string // configuration, what is wrong
	problems                   map[Problem]string
	recovered                  string // configuration
	date, clock, zone          string // layouts; zone holds the period and the zone
}

func onlyOne(n int) bool { return n == 1 }

func english() language {
	return language{
		roomsAdded:     "%d Exchange room was added as an asset.",
		roomsAddedMany: "%d Exchange rooms were added as assets.",
		singular:       onlyOne,
		refused:        "“%s” could not be booked for %s because the room is already taken or does not accept the meeting. The booking was cancelled.",
		failed:         "The booking of “%s” for %s could not be transferred to Exchange: %s The booking was cancelled.",
		unchanged:      "The change of the booking of “%s” for %s was not accepted by Exchange. The booking is again as the meeting in Outlook.",
		failures: map[Failure]string{
			FailureOther:       "A technical problem occurred.",
			FailureMailboxFull: "The mailbox is full.",
			FailureSending:     "The mailbox is not allowed to send, or has sent too much.",
			FailurePermission:  "A permission is missing in Exchange.",
			FailureRoomAddress: "Exchange does not accept the room’s address.",
			FailureTimes:       "Exchange does not accept this time.",
			FailureUnreachable: "Exchange does not answer.",
		},
		problem: "Exchange configuration %d does not work: %s Bookings are not synchronised until this is solved.",
		problems: map[Problem]string{
			ProblemOther:               "A technical problem occurred.",
			ProblemCredentials:         "Exchange does not accept the credentials.",
			ProblemPermission:          "The account lacks permissions in Exchange.",
			ProblemExchangeUnreachable: "Exchange cannot be reached.",
			ProblemRoomList:            "The room list cannot be read.",
			ProblemBookingUnreachable:  "The Booking app cannot be reached.",
			ProblemBookingTooOld:       "The Booking app is too old and must be updated.",
		},
		recovered: "Exchange configuration %d works again. Bookings are synchronised.",
		date:      "2 January 2006", clock: "15:04", zone: "%s %s",
	}
}

func german() language {
	return language{
		roomsAdded:     "%d Exchange-Raum wurde als Asset hinzugefügt.",
		roomsAddedMany: "%d Exchange-Räume wurden als Assets hinzugefügt.",
		singular:       onlyOne,
		refused:        "„%s“ konnte für den %s nicht gebucht werden, weil der Raum bereits belegt ist oder die Besprechung nicht annimmt. Die Buchung wurde storniert.",
		failed:         "Die Buchung von „%s“ für den %s konnte nicht nach Exchange übertragen werden: %s Die Buchung wurde storniert.",
		unchanged:      "Die Änderung der Buchung von „%s“ für den %s wurde von Exchange nicht angenommen. Die Buchung ist wieder so wie die Besprechung in Outlook.",
		failures: map[Failure]string{
			FailureOther:       "Ein technisches Problem ist aufgetreten.",
			FailureMailboxFull: "Das Postfach ist voll.",
			FailureSending:     "Das Postfach darf nichts versenden oder hat zu viel versendet.",
			FailurePermission:  "In Exchange fehlt eine Berechtigung.",
			FailureRoomAddress: "Exchange nimmt die Adresse des Raums nicht an.",
			FailureTimes:       "Exchange nimmt diese Zeit nicht an.",
			FailureUnreachable: "Exchange antwortet nicht.",
		},
		problem: "Die Exchange-Konfiguration %d funktioniert nicht: %s Bis das behoben ist, werden Buchungen nicht synchronisiert.",
		problems: map[Problem]string{ //nolint:gosec // texts about credentials, no credentials
			ProblemOther:               "Ein technisches Problem ist aufgetreten.",
			ProblemCredentials:         "Exchange nimmt die Zugangsdaten nicht an.",
			ProblemPermission:          "Dem Konto fehlen Berechtigungen in Exchange.",
			ProblemExchangeUnreachable: "Exchange ist nicht erreichbar.",
			ProblemRoomList:            "Die Raumliste kann nicht gelesen werden.",
			ProblemBookingUnreachable:  "Die Booking-App ist nicht erreichbar.",
			ProblemBookingTooOld:       "Die Booking-App ist zu alt und muss aktualisiert werden.",
		},
		recovered: "Die Exchange-Konfiguration %d funktioniert wieder. Buchungen werden synchronisiert.",
		date:      "02.01.2006", clock: "15:04", zone: "%s Uhr (%s)",
	}
}

func french() language {
	return language{
		roomsAdded:     "%d salle Exchange a été ajoutée en tant qu’asset.",
		roomsAddedMany: "%d salles Exchange ont été ajoutées en tant qu’assets.",
		singular:       func(n int) bool { return n < 2 },
		refused:        "La salle « %s » n’a pas pu être réservée pour le %s, car elle est déjà occupée ou n’accepte pas la réunion. La réservation a été annulée.",
		failed:         "La réservation de la salle « %s » pour le %s n’a pas pu être transférée vers Exchange : %s La réservation a été annulée.",
		unchanged:      "La modification de la réservation de la salle « %s » pour le %s n’a pas été acceptée par Exchange. La réservation correspond de nouveau à la réunion dans Outlook.",
		failures: map[Failure]string{
			FailureOther:       "Un problème technique est survenu.",
			FailureMailboxFull: "La boîte aux lettres est pleine.",
			FailureSending:     "La boîte aux lettres n’est pas autorisée à envoyer des messages ou en a trop envoyé.",
			FailurePermission:  "Une autorisation manque dans Exchange.",
			FailureRoomAddress: "Exchange n’accepte pas l’adresse de la salle.",
			FailureTimes:       "Exchange n’accepte pas cet horaire.",
			FailureUnreachable: "Exchange ne répond pas.",
		},
		problem: "La configuration Exchange %d ne fonctionne pas : %s Les réservations ne sont pas synchronisées tant que le problème persiste.",
		problems: map[Problem]string{ //nolint:gosec // texts about credentials, no credentials
			ProblemOther:               "Un problème technique est survenu.",
			ProblemCredentials:         "Exchange n’accepte pas les identifiants.",
			ProblemPermission:          "Le compte ne dispose pas des autorisations nécessaires dans Exchange.",
			ProblemExchangeUnreachable: "Exchange est inaccessible.",
			ProblemRoomList:            "La liste des salles ne peut pas être lue.",
			ProblemBookingUnreachable:  "L’application Booking est inaccessible.",
			ProblemBookingTooOld:       "L’application Booking est trop ancienne et doit être mise à jour.",
		},
		recovered: "La configuration Exchange %d fonctionne à nouveau. Les réservations sont synchronisées.",
		date:      "02/01/2006", clock: "15:04", zone: "%s (%s)",
	}
}

func italian() language {
	return language{
		roomsAdded:     "%d sala Exchange è stata aggiunta come asset.",
		roomsAddedMany: "%d sale Exchange sono state aggiunte come asset.",
		singular:       onlyOne,
		refused:        "Non è stato possibile prenotare la sala «%s» per il %s perché è già occupata o non accetta la riunione. La prenotazione è stata annullata.",
		failed:         "Non è stato possibile trasferire a Exchange la prenotazione della sala «%s» per il %s: %s La prenotazione è stata annullata.",
		unchanged:      "La modifica della prenotazione della sala «%s» per il %s non è stata accettata da Exchange. La prenotazione corrisponde di nuovo alla riunione in Outlook.",
		failures: map[Failure]string{
			FailureOther:       "Si è verificato un problema tecnico.",
			FailureMailboxFull: "La casella di posta è piena.",
			FailureSending:     "La casella di posta non è autorizzata a inviare messaggi o ne ha inviati troppi.",
			FailurePermission:  "Manca un’autorizzazione in Exchange.",
			FailureRoomAddress: "Exchange non accetta l’indirizzo della sala.",
			FailureTimes:       "Exchange non accetta questo orario.",
			FailureUnreachable: "Exchange non risponde.",
		},
		problem: "La configurazione Exchange %d non funziona: %s Le prenotazioni non vengono sincronizzate finché il problema non è risolto.",
		problems: map[Problem]string{ //nolint:gosec // texts about credentials, no credentials
			ProblemOther:               "Si è verificato un problema tecnico.",
			ProblemCredentials:         "Exchange non accetta le credenziali.",
			ProblemPermission:          "L’account non dispone delle autorizzazioni necessarie in Exchange.",
			ProblemExchangeUnreachable: "Exchange non è raggiungibile.",
			ProblemRoomList:            "Non è possibile leggere l’elenco delle sale.",
			ProblemBookingUnreachable:  "L’app Booking non è raggiungibile.",
			ProblemBookingTooOld:       "L’app Booking è troppo vecchia e deve essere aggiornata.",
		},
		recovered: "La configurazione Exchange %d funziona di nuovo. Le prenotazioni vengono sincronizzate.",
		date:      "02/01/2006", clock: "15:04", zone: "%s (%s)",
	}
}

// translate fills one row of the table.
func translate(text func(language) string) Translation {
	return Translation{De: text(german()), En: text(english()), Fr: text(french()), It: text(italian())}
}

// RoomsAddedMessage tells how many rooms became assets.
func RoomsAddedMessage(n int) Translation {
	return translate(func(l language) string {
		if l.singular(n) {
			return fmt.Sprintf(l.roomsAdded, n)
		}
		return fmt.Sprintf(l.roomsAddedMany, n)
	})
}

// BookingRefusedMessage tells that a room did not accept a booking.
func BookingRefusedMessage(booked BookedTime) Translation {
	return translate(func(l language) string { return fmt.Sprintf(l.refused, booked.room(), l.period(booked)) })
}

// BookingFailedMessage tells that a booking could not be written to Exchange.
func BookingFailedMessage(booked BookedTime, cause Failure) Translation {
	return translate(func(l language) string {
		what, known := l.failures[cause]
		if !known {
			what = l.failures[FailureOther]
		}
		return fmt.Sprintf(l.failed, booked.room(), l.period(booked), what)
	})
}

// BookingUnchangedMessage tells that a change made in Eliona could not be
// carried into Exchange and was taken back.
func BookingUnchangedMessage(booked BookedTime) Translation {
	return translate(func(l language) string { return fmt.Sprintf(l.unchanged, booked.room(), l.period(booked)) })
}

// ConfigurationProblemMessage tells that a configuration has stopped working.
func ConfigurationProblemMessage(configuration int64, problem Problem) Translation {
	return translate(func(l language) string {
		what, known := l.problems[problem]
		if !known {
			what = l.problems[ProblemOther]
		}
		return fmt.Sprintf(l.problem, configuration, what)
	})
}

// ConfigurationRecoveredMessage tells that a configuration works again.
func ConfigurationRecoveredMessage(configuration int64) Translation {
	return translate(func(l language) string { return fmt.Sprintf(l.recovered, configuration) })
}

func (b BookedTime) room() string { return strings.Join(strings.Fields(b.Room), " ") }

// period writes start and end in the reader's zone, the date once if it is one.
func (l language) period(b BookedTime) string {
	zone := b.Zone
	if zone == nil {
		zone = time.UTC
	}
	start, end := b.Start.In(zone), b.End.In(zone)
	moment := l.date + ", " + l.clock
	text := start.Format(moment) + "–" + end.Format(l.clock)
	if start.Format(time.DateOnly) != end.Format(time.DateOnly) {
		text = start.Format(moment) + " – " + end.Format(moment)
	}
	name, _ := start.Zone()
	if name == "" || strings.ContainsAny(name[:1], "+-") {
		name = "UTC" + name
	}
	return fmt.Sprintf(l.zone, text, name)
}
