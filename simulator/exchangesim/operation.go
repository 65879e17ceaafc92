package exchangesim

import (
	"context"
	"slices"
	"strings"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/exchangesim/soap"
)

// ewsError is a failure in the terms of EWS: a ResponseCode with its text.
type ewsError struct {
	code, text string
	warning    bool
	details    []*soap.Element // children of MessageXml, in the types namespace
}

func (e *ewsError) Error() string { return e.code + ": " + e.text }

// texts are the messages that Exchange sends with common codes.
var texts = map[string]string{
	"ErrorItemNotFound":                          "The specified object was not found in the store.",
	"ErrorFolderNotFound":                        "The specified folder could not be found in the store.",
	"ErrorAccessDenied":                          "Access is denied. Check credentials and try again.",
	"ErrorInvalidIdMalformed":                    "Id is malformed.",
	"ErrorNonExistentMailbox":                    "The SMTP address has no mailbox associated with it.",
	"ErrorInvalidSyncStateData":                  "Synchronization state data is corrupt or otherwise invalid.",
	"ErrorServerBusy":                            "The server cannot service this request right now. Try again later.",
	"ErrorNameResolutionNoResults":               "No results were found.",
	"ErrorImpersonateUserDenied":                 "The account does not have permission to impersonate the requested user.",
	"ErrorImpersonationDenied":                   "The account does not have permission to impersonate users.",
	"ErrorAccountDisabled":                       "Account is disabled. Contact the account administrator.",
	"ErrorInvalidRequest":                        "The request is invalid.",
	"ErrorUnsupportedPathForQuery":               "The property can not be used in a restriction or sort.",
	"ErrorCalendarIsNotOrganizer":                "You must be the organizer to perform this action.",
	"ErrorIrresolvableConflict":                  "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
	"ErrorStaleObject":                           "The item has changed since it was read. Read it again.",
	"ErrorChangeKeyRequired":                     "A change key is required for this operation.",
	"ErrorInvalidChangeKey":                      "The change key is invalid.",
	"ErrorInvalidServerVersion":                  "The specified server version is invalid.",
	"ErrorDuplicateSOAPHeader":                   "A SOAP header was given more than once.",
	"ErrorInternalServerError":                   "An internal server error occurred. The operation failed.",
	"ErrorCalendarViewRangeTooBig":               "The specified view range exceeds the maximum range of two years.",
	"ErrorInvalidPropertySet":                    "Set action is invalid for property.",
	"ErrorInvalidPropertyDelete":                 "Delete action is invalid for this property.",
	"ErrorBatchProcessingStopped":                "The batch processing was stopped.",
	"ErrorMailRecipientNotFound":                 "Unable to resolve e-mail address to an Active Directory object.",
	"ErrorExceededFindCountLimit":                "You have exceeded the maximum number of objects that can be returned for the find operation. Use paging to reduce the result size and try your request again.",
	"ErrorCalendarInvalidTimeZone":               "The time zone is invalid.",
	"ErrorRecurrenceHasNoOccurrence":             "Recurrence has no occurrence.",
	"ErrorCalendarEndDateIsEarlierThanStartDate": "EndDate is earlier than StartDate.",
	"ErrorChangeKeyRequiredForWriteOperations":   "Change key is required for this operation.",
}

// fail makes an error with the usual text of its code. What was not tried because
// something before it failed is a warning.
func fail(code string) *ewsError {
	e := failWith(code, texts[code])
	e.warning = code == "ErrorBatchProcessingStopped"
	return e
}

func failWith(code, text string) *ewsError {
	if text == "" {
		text = "The operation failed."
	}
	return &ewsError{code: code, text: text}
}

// failAt names the property that is wrong.
func failAt(code, text, uri string) *ewsError {
	e := failWith(code, text)
	e.details = []*soap.Element{soap.New("FieldURI").With("FieldURI", uri)}
	return e
}

// value makes a t:Value for MessageXml.
func value(name, content string) *soap.Element {
	return soap.Text("Value", content).With("Name", name)
}

// call is one request after authentication and validation.
type call struct {
	ctx       context.Context
	server    *Server
	op        *soap.Element
	operation string   // as counters and faults name it
	caller    string   // account or OAuth client
	actor     actor    // for the ledger
	box       *mailbox // who the caller acts as
	zone      recurrence.Zone
	local     bool // a TimeZoneContext was given
}

func (c *call) renderer(shape shape) *renderer {
	return &renderer{server: c.server, shape: shape, zone: c.zone, local: c.local}
}

// outcome is one response message.
type outcome struct {
	err  *ewsError
	body []*soap.Element
}

// handler carries out an operation under the server's lock.
type handler func(s *Server, c *call) *soap.Element

// handlers are the operations by element name. GetStreamingEvents is not here:
// it answers over time and takes the lock itself.
var handlers = map[string]handler{
	"GetRoomLists":               (*Server).opGetRoomLists,
	"GetRooms":                   (*Server).opGetRooms,
	"ResolveNames":               (*Server).opResolveNames,
	"ExpandDL":                   (*Server).opExpandDL,
	"GetFolder":                  (*Server).opGetFolder,
	"FindFolder":                 (*Server).opFindFolder,
	"SyncFolderItems":            (*Server).opSyncFolderItems,
	"FindItem":                   (*Server).opFindItem,
	"GetItem":                    (*Server).opGetItem,
	"CreateItem":                 (*Server).opCreateItem,
	"UpdateItem":                 (*Server).opUpdateItem,
	"DeleteItem":                 (*Server).opDeleteItem,
	"GetUserAvailabilityRequest": (*Server).opGetUserAvailability,
	"GetServerTimeZones":         (*Server).opGetServerTimeZones,
	"ConvertId":                  (*Server).opConvertID,
	"Subscribe":                  (*Server).opSubscribe,
	"Unsubscribe":                (*Server).opUnsubscribe,
}

// requiresBody names the element that a response message of an operation must
// carry even when it failed.
var requiresBody = map[string]string{
	"GetItem": "Items", "CreateItem": "Items", "UpdateItem": "Items", "GetServerTimeZones": "TimeZoneDefinitions",
}

// respond builds an answer with ResponseMessages.
func (c *call) respond(outcomes []outcome) *soap.Element {
	messages := soap.NewM("ResponseMessages")
	for _, o := range outcomes {
		message := soap.NewM(c.op.Name + "ResponseMessage")
		body := o.body
		if name := requiresBody[c.op.Name]; o.err != nil && name != "" && len(body) == 0 {
			body = []*soap.Element{soap.NewM(name)}
		}
		messages.Add(status(message, o.err).Add(body...))
	}
	return soap.NewM(c.op.Name+"Response", messages)
}

// status fills in what every response message starts with.
func status(message *soap.Element, err *ewsError) *soap.Element {
	if err == nil {
		return message.With("ResponseClass", "Success").Add(soap.TextM("ResponseCode", "NoError"))
	}
	class := "Error"
	if err.warning {
		class = "Warning"
	}
	message.With("ResponseClass", class).Add(
		soap.TextM("MessageText", err.text), soap.TextM("ResponseCode", err.code), soap.TextM("DescriptiveLinkKey", "0"))
	if len(err.details) > 0 {
		message.Add(soap.NewM("MessageXml", err.details...))
	}
	return message
}

// failed tells whether an answer reports an error anywhere.
func failed(e *soap.Element) bool {
	return e.Attr("ResponseClass") == "Error" || slices.ContainsFunc(e.Children, failed)
}

// refuseAll answers as if every part of the request had failed.
func (c *call) refuseAll(err *ewsError) *soap.Element {
	switch c.op.Name {
	case "GetRoomLists", "GetRooms":
		return status(soap.NewM(c.op.Name+"Response"), err)
	case "GetUserAvailabilityRequest":
		list := soap.NewM("FreeBusyResponseArray")
		for range max(len(c.op.Child("MailboxDataArray").Children), 1) {
			list.Add(soap.NewM("FreeBusyResponse", status(soap.NewM("ResponseMessage"), err)))
		}
		return soap.NewM("GetUserAvailabilityResponse", list)
	}
	parts := 1
	for _, name := range []string{"ItemIds", "Items", "ItemChanges", "FolderIds", "ParentFolderIds"} {
		if list := c.op.Child(name); list != nil {
			parts = len(list.Children)
		}
	}
	outcomes := make([]outcome, parts)
	for i := range outcomes {
		outcomes[i].err = err
	}
	return c.respond(outcomes)
}

// operationName is how counters, records and fault rules call a request: the
// operation element, or the response object that a CreateItem carries.
func operationName(op *soap.Element) string {
	if op.Name == "CreateItem" {
		for _, item := range op.Child("Items").Children {
			if strings.HasSuffix(item.Name, "Item") && item.Name != "CalendarItem" && item.Name != "Item" {
				return item.Name
			}
		}
	}
	return strings.TrimSuffix(op.Name, "Request")
}
