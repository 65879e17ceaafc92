package soap

import (
	"slices"
	"strings"
)

// grammar is the schema of the requests, in the notation of parseSchema. It is
// never changed after the program has started.
var grammar = parseSchema(definitions)

const definitions = `
$Shape IdOnly Default AllProperties PcxPeopleSearch
$BodyKind HTML Text
$BodyWanted Best HTML Text
$MailboxKind Unknown OneOff Mailbox PublicDL PrivateDL Contact PublicFolder GroupMailbox ImplicitContact User
$Version Exchange2007 Exchange2007_SP1 Exchange2009 Exchange2010 Exchange2010_SP1 Exchange2010_SP2 Exchange2012 Exchange2013
	Exchange2013_SP1 Exchange2015 Exchange2016 V2015_10_05 V2016_01_06 V2016_04_13 V2016_07_13 V2016_10_10 V2017_01_07
	V2017_04_14 V2017_07_11
$Scope ActiveDirectory ActiveDirectoryContacts Contacts ContactsActiveDirectory
$PropertySet Meeting Appointment Common PublicStrings Address InternetHeaders CalendarAssistant UnifiedMessaging Task Sharing
$PropertyKind ApplicationTime ApplicationTimeArray Binary BinaryArray Boolean CLSID CLSIDArray Currency CurrencyArray Double
	DoubleArray Error Float FloatArray Integer IntegerArray Long LongArray Null Object ObjectArray Short ShortArray SystemTime
	SystemTimeArray String StringArray
$ItemTraversal Shallow SoftDeleted Associated
$FolderTraversal Shallow Deep SoftDeleted
$BasePoint Beginning End
$Direction Ascending Descending
$Containment FullString Prefixed Substring PrefixOnWords ExactPhrase
$Comparison Exact IgnoreCase IgnoreNonSpacingCharacters Loose IgnoreCaseAndNonSpacingCharacters LooseAndIgnoreCase
	LooseAndIgnoreNonSpace LooseAndIgnoreCaseAndIgnoreNonSpace
$SyncScopeKind NormalItems NormalAndAssociatedItems
$Disposition SaveOnly SendOnly SendAndSaveCopy
$SendInvitations SendToNone SendOnlyToAll SendToAllAndSaveCopy
$SendUpdates SendToNone SendOnlyToAll SendOnlyToChanged SendToAllAndSaveCopy SendToChangedAndSaveCopy
$Resolution NeverOverwrite AutoResolve AlwaysOverwrite
$Disposal HardDelete SoftDelete MoveToDeletedItems
$TaskOccurrences AllOccurrences SpecifiedOccurrenceOnly
$SensitivityKind Normal Personal Private Confidential
$ImportanceKind Low Normal High
$FreeBusyKind Free Tentative Busy OOF WorkingElsewhere NoData
$ItemKind Single Occurrence Exception RecurringMaster
$ResponseKind Unknown Organizer Tentative Accept Decline NoResponseReceived
$Day Sunday Monday Tuesday Wednesday Thursday Friday Saturday Day Weekday WeekendDay
$DayIndex First Second Third Fourth Last
$MonthName January February March April May June July August September October November December
$AttendeeKind Organizer Required Optional Room Resource
$ViewKind None MergedOnly FreeBusy FreeBusyMerged Detailed DetailedMerged
$IdFormat EwsLegacyId EwsId EntryId HexEntryId StoreId OwaId
$FlagKind NotFlagged Flagged Complete
$EventKind CopiedEvent CreatedEvent DeletedEvent ModifiedEvent MovedEvent NewMailEvent FreeBusyChangedEvent
$TargetKind Period Group
$FolderName calendar contacts deleteditems drafts inbox journal notes outbox sentitems tasks msgfolderroot publicfoldersroot root
	junkemail searchfolders voicemail recoverableitemsroot recoverableitemsdeletions recoverableitemsversions
	recoverableitemspurges recoverableitemsdiscoveryholds archiveroot archivemsgfolderroot archivedeleteditems archiveinbox
	archiverecoverableitemsroot archiverecoverableitemsdeletions archiverecoverableitemsversions archiverecoverableitemspurges
	archiverecoverableitemsdiscoveryholds syncissues conflicts localfailures serverfailures recipientcache quickcontacts
	conversationhistory adminauditlogs todosearch mycontacts directory imcontactlist peopleconnect favorites mecontact
	personmetadata teamspaceactivity teamspacemessaging teamspaceworkitems scheduled orionnotes tagitems alltaggeditems
	allcategorizeditems externalcontacts teamchat teamchathistory yammerdata yammerroot yammerinbound yammeroutbound yammerfeeds
	kaizaladata messageingestion onedriveroot onedriverecylebin onedrivesystem onedrivevolume important starred archive

RequestServerVersion @Version!=string
ExchangeImpersonation t:ConnectingSID
ConnectingSID (t:PrincipalName=string|t:SID=string|t:PrimarySmtpAddress=string|t:SmtpAddress=string)
TimeZoneContext t:TimeZoneDefinition=Zone
MailboxCulture "string"
ManagementRole ...

ItemId @Id!=string @ChangeKey=string
OccurrenceItemId @RecurringMasterId!=string @ChangeKey=string @InstanceIndex!=int
RecurringMasterItemId @OccurrenceId!=string @ChangeKey=string
FolderId @Id!=string @ChangeKey=string
DistinguishedFolderId @Id!=FolderName @ChangeKey=string t:Mailbox?=Email
FolderIds (t:FolderId=FolderId|t:DistinguishedFolderId=DistinguishedFolderId)+
TargetFolder (t:FolderId=FolderId|t:DistinguishedFolderId=DistinguishedFolderId)
ItemIds (t:ItemId=ItemId|t:OccurrenceItemId=OccurrenceItemId|t:RecurringMasterItemId=RecurringMasterItemId|t:RecurringMasterItemIdRanges=IdRanges)+
SyncIgnore (t:ItemId=ItemId|t:OccurrenceItemId=OccurrenceItemId|t:RecurringMasterItemId=RecurringMasterItemId)*
IdRanges ...
Email t:Name?=string t:EmailAddress?=nonEmpty t:RoutingType?=nonEmpty t:MailboxType?=MailboxKind t:ItemId?=ItemId t:OriginalDisplayName?=string
Recipient t:Mailbox=Email
Recipients t:Mailbox*=Email
Body @BodyType!=BodyKind @IsTruncated=boolean "string"

FieldURI @FieldURI!=fieldURI
IndexedFieldURI @FieldURI!=string @FieldIndex!=string
ExtendedFieldURI @DistinguishedPropertySetId=PropertySet @PropertySetId=guid @PropertyTag=tag @PropertyName=string @PropertyId=int @PropertyType!=PropertyKind
Paths (t:FieldURI=FieldURI|t:IndexedFieldURI=IndexedFieldURI|t:ExtendedFieldURI=ExtendedFieldURI)+
Path (t:FieldURI=FieldURI|t:IndexedFieldURI=IndexedFieldURI|t:ExtendedFieldURI=ExtendedFieldURI)
ExtendedProperty t:ExtendedFieldURI (t:Value=string|t:Values=PropertyValues)
PropertyValues t:Value+=string
ItemShape t:BaseShape=Shape t:IncludeMimeContent?=boolean t:BodyType?=BodyWanted t:UniqueBodyType?=BodyWanted
	t:NormalizedBodyType?=BodyWanted t:FilterHtmlContent?=boolean t:ConvertHtmlCodePageToUTF8?=boolean
	t:InlineImageUrlTemplate?=string t:BlockExternalImages?=boolean t:AddBlankTargetToLinks?=boolean t:MaximumBodySize?=int
	t:AdditionalProperties?=Paths
FolderShape t:BaseShape=Shape t:AdditionalProperties?=Paths

Constant @Value!=string
Operand (t:FieldURI=FieldURI|t:IndexedFieldURI=IndexedFieldURI|t:ExtendedFieldURI=ExtendedFieldURI|t:Constant=Constant)
Compare &Path t:FieldURIOrConstant=Operand
Exists &Path
Excludes &Path t:Bitmask=Constant
Contains @ContainmentMode=Containment @ContainmentComparison=Comparison &Path t:Constant=Constant
Search (t:Exists=Exists|t:Excludes=Excludes|t:IsEqualTo=Compare|t:IsNotEqualTo=Compare|t:IsGreaterThan=Compare|t:IsGreaterThanOrEqualTo=Compare|t:IsLessThan=Compare|t:IsLessThanOrEqualTo=Compare|t:Contains=Contains|t:Not=Search|t:And=Searches|t:Or=Searches)
Searches (t:Exists=Exists|t:Excludes=Excludes|t:IsEqualTo=Compare|t:IsNotEqualTo=Compare|t:IsGreaterThan=Compare|t:IsGreaterThanOrEqualTo=Compare|t:IsLessThan=Compare|t:IsLessThanOrEqualTo=Compare|t:Contains=Contains|t:Not=Search|t:And=Searches|t:Or=Searches)+
FieldOrder @Order!=Direction &Path
SortOrder t:FieldOrder+
IndexedView @MaxEntriesReturned=int @Offset!=int @BasePoint!=BasePoint
FractionalView @MaxEntriesReturned=int @Numerator!=int @Denominator!=int
CalendarView @MaxEntriesReturned=int @StartDate!=dateTime @EndDate!=dateTime
AnyContent ...

Zone @Id=string @Name=string t:Periods?=AnyContent t:TransitionsGroups?=AnyContent t:Transitions?=AnyContent
MeetingTimeZone ...
Attendee t:Mailbox=Email t:ResponseType?=ResponseKind t:LastResponseTime?=dateTime t:ProposedStart?=dateTime t:ProposedEnd?=dateTime
Attendees t:Attendee+
DailyRecurrence t:Interval=int(1,999)
WeeklyRecurrence t:Interval=int(1,99) t:DaysOfWeek=list(Day) t:FirstDayOfWeek?=Day
AbsoluteMonthlyRecurrence t:Interval=int(1,99) t:DayOfMonth=int(1,31)
RelativeMonthlyRecurrence t:Interval=int(1,99) t:DaysOfWeek=Day t:DayOfWeekIndex=DayIndex
AbsoluteYearlyRecurrence t:DayOfMonth=int(1,31) t:Month=MonthName
RelativeYearlyRecurrence t:DaysOfWeek=Day t:DayOfWeekIndex=DayIndex t:Month=MonthName
NoEndRecurrence t:StartDate=date
EndDateRecurrence t:StartDate=date t:EndDate=date
NumberedRecurrence t:StartDate=date t:NumberOfOccurrences=int
Recurrence (t:RelativeYearlyRecurrence|t:AbsoluteYearlyRecurrence|t:RelativeMonthlyRecurrence|t:AbsoluteMonthlyRecurrence|t:WeeklyRecurrence|t:DailyRecurrence)
	(t:NoEndRecurrence|t:EndDateRecurrence|t:NumberedRecurrence)
Strings t:String*=string
Flag t:FlagStatus=FlagKind t:StartDate?=dateTime t:DueDate?=dateTime t:CompleteDate?=dateTime
EnhancedLocation t:DisplayName=string t:Annotation?=string t:PostalAddress?=AnyContent

ItemPart t:MimeContent?=AnyContent t:ItemId? t:ParentFolderId?=FolderId t:ItemClass?=string t:Subject?=string
	t:Sensitivity?=SensitivityKind t:Body? t:Attachments?=AnyContent t:DateTimeReceived?=dateTime t:Size?=int
	t:Categories?=Strings t:Importance?=ImportanceKind t:InReplyTo?=string t:IsSubmitted?=boolean t:IsDraft?=boolean
	t:IsFromMe?=boolean t:IsResend?=boolean t:IsUnmodified?=boolean t:InternetMessageHeaders?=AnyContent
	t:DateTimeSent?=dateTime t:DateTimeCreated?=dateTime t:ResponseObjects?=AnyContent t:ReminderDueBy?=dateTime
	t:ReminderIsSet?=boolean t:ReminderNextTime?=dateTime t:ReminderMinutesBeforeStart?=int(0,2629800) t:DisplayCc?=string
	t:DisplayTo?=string t:DisplayBcc?=string t:HasAttachments?=boolean t:ExtendedProperty* t:Culture?=string
	t:EffectiveRights?=AnyContent t:LastModifiedName?=string t:LastModifiedTime?=dateTime t:IsAssociated?=boolean
	t:WebClientReadFormQueryString?=string t:WebClientEditFormQueryString?=string t:ConversationId?=ItemId t:UniqueBody?=Body
	t:Flag? t:StoreEntryId?=base64 t:InstanceKey?=base64
Item &ItemPart
CalendarItem &ItemPart t:UID?=string t:RecurrenceId?=dateTime t:DateTimeStamp?=dateTime t:Start?=dateTime t:End?=dateTime
	t:OriginalStart?=dateTime t:IsAllDayEvent?=boolean t:LegacyFreeBusyStatus?=FreeBusyKind t:Location?=string t:When?=string
	t:IsMeeting?=boolean t:IsCancelled?=boolean t:IsRecurring?=boolean t:MeetingRequestWasSent?=boolean
	t:IsResponseRequested?=boolean t:CalendarItemType?=ItemKind t:MyResponseType?=ResponseKind t:Organizer?=Recipient
	t:RequiredAttendees?=Attendees t:OptionalAttendees?=Attendees t:Resources?=Attendees t:InboxReminders?=AnyContent
	t:ConflictingMeetingCount?=int t:AdjacentMeetingCount?=int t:ConflictingMeetings?=AnyContent t:AdjacentMeetings?=AnyContent
	t:Duration?=string t:TimeZone?=string t:AppointmentReplyTime?=dateTime t:AppointmentSequenceNumber?=int
	t:AppointmentState?=int t:Recurrence? t:FirstOccurrence?=AnyContent t:LastOccurrence?=AnyContent
	t:ModifiedOccurrences?=AnyContent t:DeletedOccurrences?=AnyContent t:MeetingTimeZone? t:StartTimeZone?=Zone t:EndTimeZone?=Zone
	t:ConferenceType?=int t:AllowNewTimeProposal?=boolean t:IsOnlineMeeting?=boolean t:MeetingWorkspaceUrl?=string
	t:NetShowUrl?=string t:EnhancedLocation? t:StartWallClock?=dateTime t:EndWallClock?=dateTime t:StartTimeZoneId?=string
	t:EndTimeZoneId?=string t:IntendedFreeBusyStatus?=FreeBusyKind t:JoinOnlineMeetingUrl?=string
	t:OnlineMeetingSettings?=AnyContent t:IsOrganizer?=boolean t:CalendarActivityData?=AnyContent t:DoNotForwardMeeting?=boolean
MessagePart t:Sender?=Recipient t:ToRecipients?=Recipients t:CcRecipients?=Recipients t:BccRecipients?=Recipients
	t:IsReadReceiptRequested?=boolean t:IsDeliveryReceiptRequested?=boolean t:ConversationIndex?=base64
	t:ConversationTopic?=string t:From?=Recipient t:InternetMessageId?=string t:IsRead?=boolean t:IsResponseRequested?=boolean
	t:References?=string t:ReplyTo?=Recipients t:ReceivedBy?=Recipient t:ReceivedRepresenting?=Recipient
Message &ItemPart &MessagePart
SmartResponse t:Subject?=string t:Body? t:ToRecipients?=Recipients t:CcRecipients?=Recipients t:BccRecipients?=Recipients
	t:IsReadReceiptRequested?=boolean t:IsDeliveryReceiptRequested?=boolean t:From?=Recipient t:ReferenceItemId?=ItemId
	t:NewBodyContent?=Body
MeetingReply t:ItemClass?=string t:Sensitivity?=SensitivityKind t:Body? t:Attachments?=AnyContent
	t:InternetMessageHeaders?=AnyContent t:Sender?=Recipient t:ToRecipients?=Recipients t:CcRecipients?=Recipients
	t:BccRecipients?=Recipients t:IsReadReceiptRequested?=boolean t:IsDeliveryReceiptRequested?=boolean t:From?=Recipient
	t:ReferenceItemId?=ItemId t:ProposedStart?=dateTime t:ProposedEnd?=dateTime
NewItems (t:CalendarItem|t:Message|t:Item|t:CancelCalendarItem=SmartResponse|t:AcceptItem=MeetingReply|t:TentativelyAcceptItem=MeetingReply|t:DeclineItem=MeetingReply)+

FieldValue &Path (t:CalendarItem|t:Message|t:Item)
Updates (t:SetItemField=FieldValue|t:AppendToItemField=FieldValue|t:DeleteItemField=Path)+
ItemChange (t:ItemId|t:OccurrenceItemId|t:RecurringMasterItemId) t:Updates t:CalendarActivityData?=AnyContent
ItemChanges t:ItemChange+

SerializableTime t:Bias=int t:Time=string t:DayOrder=int t:Month=int t:DayOfWeek=Day t:Year?=string
TimeZone t:Bias=int t:StandardTime=SerializableTime t:DaylightTime=SerializableTime
MailboxEmail t:Name?=string t:Address=string t:RoutingType?=string
MailboxData t:Email=MailboxEmail t:AttendeeType=AttendeeKind t:ExcludeConflicts?=boolean
MailboxDataArray t:MailboxData*
TimeWindow t:StartTime=dateTime t:EndTime=dateTime
FreeBusyViewOptions t:TimeWindow t:MergedFreeBusyIntervalInMinutes?=int t:RequestedView?=list(ViewKind)
ZoneIds t:Id+=string
AlternateId @Format!=IdFormat @Id!=string @Mailbox!=nonEmpty @IsArchive=boolean
SourceIds (t:AlternateId|t:AlternatePublicFolderId=AnyContent|t:AlternatePublicFolderItemId=AnyContent)+
EventTypes t:EventType+=EventKind
StreamingSubscription @SubscribeToAllFolders=boolean t:FolderIds? t:EventTypes
PullSubscription @SubscribeToAllFolders=boolean t:FolderIds? t:EventTypes t:Watermark?=nonEmpty t:Timeout=int(1,1440)
PushSubscription @SubscribeToAllFolders=boolean t:FolderIds? t:EventTypes t:Watermark?=nonEmpty t:StatusFrequency=int(1,1440) t:URL=string t:CallerData?=string
SubscriptionIds t:SubscriptionId+=nonEmpty

m:GetRoomLists
m:GetRooms m:RoomList=Email
m:ResolveNames @ReturnFullContactData!=boolean @SearchScope=Scope @ContactDataShape=Shape m:ParentFolderIds?=FolderIds m:UnresolvedEntry=nonEmpty
m:ExpandDL m:Mailbox=Email
m:GetFolder m:FolderShape m:FolderIds
m:FindFolder @Traversal!=FolderTraversal m:FolderShape (m:IndexedPageFolderView=IndexedView|m:FractionalPageFolderView=FractionalView)? m:Restriction?=Search m:ParentFolderIds=FolderIds
m:GetItem m:ItemShape m:ItemIds
m:FindItem @Traversal!=ItemTraversal m:ItemShape
	(m:IndexedPageItemView=IndexedView|m:FractionalPageItemView=FractionalView|m:SeekToConditionPageItemView=AnyContent|m:CalendarView|m:ContactsView=AnyContent)?
	(m:GroupBy=AnyContent|m:DistinguishedGroupBy=AnyContent)? m:Restriction?=Search m:SortOrder? m:ParentFolderIds=FolderIds m:QueryString?=AnyContent
m:SyncFolderItems m:ItemShape m:SyncFolderId=TargetFolder m:SyncState?=string m:Ignore?=SyncIgnore m:MaxChangesReturned=int(1,512) m:SyncScope?=SyncScopeKind
m:CreateItem @MessageDisposition=Disposition @SendMeetingInvitations=SendInvitations m:SavedItemFolderId?=TargetFolder m:Items=NewItems
m:UpdateItem @ConflictResolution!=Resolution @MessageDisposition=Disposition @SendMeetingInvitationsOrCancellations=SendUpdates @SuppressReadReceipts=boolean m:SavedItemFolderId?=TargetFolder m:ItemChanges
m:DeleteItem @DeleteType!=Disposal @SendMeetingCancellations=SendInvitations @AffectedTaskOccurrences=TaskOccurrences @SuppressReadReceipts=boolean m:ItemIds
m:GetUserAvailabilityRequest t:TimeZone? m:MailboxDataArray t:FreeBusyViewOptions? t:SuggestionsViewOptions?=AnyContent
m:GetServerTimeZones @ReturnFullTimeZoneData=boolean m:Ids?=ZoneIds
m:ConvertId @DestinationFormat!=IdFormat m:SourceIds
m:Subscribe (m:StreamingSubscriptionRequest=StreamingSubscription|m:PullSubscriptionRequest=PullSubscription|m:PushSubscriptionRequest=PushSubscription)
m:GetStreamingEvents m:SubscriptionIds m:ConnectionTimeout=int(1,30)
m:Unsubscribe m:SubscriptionId=nonEmpty
`

// headers are the header blocks that the server reads, by local name.
var headers = map[string]string{
	"RequestServerVersion":  "RequestServerVersion",
	"ExchangeImpersonation": "ExchangeImpersonation",
	"TimeZoneContext":       "TimeZoneContext",
	"MailboxCulture":        "MailboxCulture",
	"ManagementRole":        "ManagementRole",
}

// fieldURIs lists the property names of the "FieldURI" page by prefix. The
// prefixes of items that calendars never hold are accepted with any name.
var fieldURIs = map[string]string{
	"folder": "FolderId ParentFolderId DisplayName UnreadCount TotalCount ChildFolderCount FolderClass SearchParameters " +
		"ManagedFolderInformation PermissionSet EffectiveRights SharingEffectiveRights DistinguishedFolderId PolicyTag ArchiveTag ReplicaList",
	"item": "ItemId ParentFolderId ItemClass MimeContent Attachments Subject DateTimeReceived Size Categories HasAttachments Importance " +
		"InReplyTo InternetMessageHeaders IsAssociated IsDraft IsFromMe IsResend IsSubmitted IsUnmodified DateTimeSent DateTimeCreated " +
		"Body ResponseObjects Sensitivity ReminderDueBy ReminderIsSet ReminderNextTime ReminderMinutesBeforeStart DisplayTo DisplayCc " +
		"DisplayBcc Culture EffectiveRights LastModifiedName LastModifiedTime ConversationId UniqueBody Flag StoreEntryId InstanceKey " +
		"NormalizedBody EntityExtractionResult PolicyTag ArchiveTag RetentionDate Preview PredictedActionReasons IsClutter " +
		"RightsManagementLicenseData BlockStatus HasBlockedImages WebClientReadFormQueryString WebClientEditFormQueryString TextBody " +
		"IconIndex MimeContentUTF8",
	"message": "ConversationIndex ConversationTopic InternetMessageId IsRead IsResponseRequested IsReadReceiptRequested " +
		"IsDeliveryReceiptRequested ReceivedBy ReceivedRepresenting References ReplyTo From Sender ToRecipients CcRecipients " +
		"BccRecipients ApprovalRequestData VotingInformation ReminderMessageData",
	"meeting":        "AssociatedCalendarItemId IsDelegated IsOutOfDate HasBeenProcessed ResponseType ProposedStart ProposedEnd",
	"meetingRequest": "MeetingRequestType IntendedFreeBusyStatus ChangeHighlights",
	"calendar": "Start End OriginalStart StartWallClock EndWallClock StartTimeZoneId EndTimeZoneId IsAllDayEvent LegacyFreeBusyStatus " +
		"Location EnhancedLocation When IsMeeting IsCancelled IsRecurring MeetingRequestWasSent IsResponseRequested CalendarItemType " +
		"MyResponseType Organizer RequiredAttendees OptionalAttendees Resources ConflictingMeetingCount AdjacentMeetingCount " +
		"ConflictingMeetings AdjacentMeetings InboxReminders Duration TimeZone AppointmentReplyTime AppointmentSequenceNumber " +
		"AppointmentState Recurrence FirstOccurrence LastOccurrence ModifiedOccurrences DeletedOccurrences MeetingTimeZone ConferenceType " +
		"AllowNewTimeProposal IsOnlineMeeting MeetingWorkspaceUrl NetShowUrl UID RecurrenceId DateTimeStamp StartTimeZone EndTimeZone " +
		"JoinOnlineMeetingUrl OnlineMeetingSettings IsOrganizer CalendarActivityData DoNotForwardMeeting",
	"sharingMessage": "*", "task": "*", "contacts": "*", "distributionlist": "*", "postitem": "*", "conversation": "*",
	"person": "*", "persona": "*",
}

func validFieldURI(uri string) bool {
	prefix, name, ok := strings.Cut(uri, ":")
	list, known := fieldURIs[prefix]
	return ok && known && (list == "*" || slices.Contains(strings.Fields(list), name))
}

// Versions lists what RequestServerVersion may ask for.
func Versions() []string { return slices.Clone(grammar.enums["Version"]) }

// Known tells whether the grammar has the operation.
func Known(operation string) bool {
	_, ok := grammar.types["m:"+operation]
	return ok
}

// CheckHeader validates one header block. Unknown blocks are ignored, as SOAP
// wants it for blocks without mustUnderstand.
func CheckHeader(h *Element) error {
	typ, ok := headers[h.Name]
	if !ok || h.Space != NSTypes {
		return nil
	}
	return grammar.check(h, typ)
}

// CheckOperation validates the operation element of a request.
func CheckOperation(op *Element) error {
	if op.Space != NSMessages || !Known(op.Name) {
		return violation(op, "The '%s:%s' element is not declared.", op.Space, op.Name)
	}
	return grammar.check(op, "m:"+op.Name)
}
