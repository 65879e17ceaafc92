package wire

import "encoding/xml"

// Subscribe asks for notifications over streaming connections.
type Subscribe struct {
	XMLName    xml.Name  `xml:"m:Subscribe"`
	Folders    FolderRef `xml:"m:StreamingSubscriptionRequest>t:FolderIds"`
	EventTypes []string  `xml:"m:StreamingSubscriptionRequest>t:EventTypes>t:EventType"`
}

// Unsubscribe ends a subscription.
type Unsubscribe struct {
	XMLName xml.Name `xml:"m:Unsubscribe"`
	ID      Text     `xml:"m:SubscriptionId"`
}

// GetStreamingEvents opens a connection on which notifications arrive.
type GetStreamingEvents struct {
	XMLName xml.Name `xml:"m:GetStreamingEvents"`
	IDs     []Text   `xml:"m:SubscriptionIds>t:SubscriptionId"`
	Minutes int      `xml:"m:ConnectionTimeout"`
}

// SubscribeResponse holds one message.
type SubscribeResponse struct {
	Messages []struct {
		ResponseMessage
		SubscriptionID string `xml:"SubscriptionId"`
	} `xml:"ResponseMessages>SubscribeResponseMessage"`
}

// UnsubscribeResponse holds one message.
type UnsubscribeResponse struct {
	Messages []ResponseMessage `xml:"ResponseMessages>UnsubscribeResponseMessage"`
}

// GetStreamingEventsResponse is one of the many documents that answer
// GetStreamingEvents. Notification and the ids of ErrorSubscriptionIds are on
// the wire in the messages namespace, other than the schema says.
type GetStreamingEventsResponse struct {
	Messages []struct {
		ResponseMessage
		Notifications []Notification `xml:"Notifications>Notification"`
		ErrorIDs      []string       `xml:"ErrorSubscriptionIds>SubscriptionId"`
		Connection    string         `xml:"ConnectionStatus"`
	} `xml:"ResponseMessages>GetStreamingEventsResponseMessage"`
}

// Notification is what happened to one subscription.
type Notification struct {
	SubscriptionID string  `xml:"SubscriptionId"`
	Watermark      string  `xml:"PreviousWatermark"`
	MoreEvents     string  `xml:"MoreEvents"`
	Events         []Event `xml:",any"`
}

// Event is any event element, its kind is XMLName.Local. FolderID is set in
// place of ItemID for events of folders.
type Event struct {
	XMLName  xml.Name
	ItemID   ItemID `xml:"ItemId"`
	FolderID ItemID `xml:"FolderId"`
}
