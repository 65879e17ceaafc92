package health

// accessWords explains why Exchange does not let the app in.
func accessWords() []Word {
	return []Word{
		{
			Codes: []string{"ClientCredentials", "HTTP401", "HTTP440", "HTTP456", "HTTP457"},
			Text:  "The credentials were refused.",
			Fix:   "Check client secret (its value, not its id, and its expiry), tenant and client id, or user name and password; and the clock of this machine.",
		},
		{
			Codes: []string{"HTTP403"},
			Text:  "Exchange does not admit the app: EWS is blocked for the organization or for this app, or the permission lacks consent.",
			Fix:   "Grant full_access_as_app with admin consent; let the organization allow EWS (EwsEnabled) and list the app's id in EwsAllowedAppIDs.",
		},
		{
			Codes: []string{"ClientUntrustedServer"},
			Text:  "The server's certificate is not trusted, or the address speaks no TLS.",
			Fix:   "Enter the authority that signed it as caCertificates, and check that ewsURL (or authorityURL) names the server as its certificate does.",
		},
		{
			Codes: []string{"ErrorImpersonateUserDenied"},
			Text:  "The account may not act for this mailbox.",
			Fix:   "Give it ApplicationImpersonation (Exchange Server) for this mailbox, or widen the scope of the app's access policy (Exchange Online).",
		},
		{
			Codes: []string{"ErrorImpersonationDenied"},
			Text:  "The account may act for nobody.",
			Fix:   "Give it the role ApplicationImpersonation, or the app full_access_as_app with admin consent.",
		},
		{
			Codes: []string{"ErrorAccessDenied", "ErrorCreateItemAccessDenied", "ErrorNoFreeBusyAccess"},
			Text:  "The account has no right to the mailbox, or to what is in it.",
			Fix:   "Check the app's permission or the role ApplicationImpersonation, and the scope it is limited to.",
		},
		{
			Codes: []string{"ErrorSendAsDenied", "ErrorMessageSubmissionBlocked"},
			Text:  "Exchange does not let this mailbox send.",
			Fix:   "Remove the block on the mailbox's sending in Exchange.",
		},
		{
			Codes: []string{"ErrorAccountDisabled"},
			Text:  "The account of the mailbox is disabled.",
			Fix:   "Enable it; for bookings of a person without a mailbox the service user stands in.",
		},
		{
			Codes: []string{"ErrorPasswordExpired", "ErrorPasswordChangeRequired"},
			Text:  "The password of the service account has to be changed.",
			Fix:   "Change it and enter the new one; best exempt the account from expiry.",
		},
		{
			Codes: []string{"ErrorOrganizationAccessBlocked", "ErrorInvalidLicense"},
			Text:  "The organization is blocked, or the mailbox has no licence.",
			Fix:   "Look at the subscription and at the licence of the mailbox.",
		},
		{
			Codes: []string{"ErrorInvalidExchangeImpersonationHeaderData"},
			Text:  "The mailbox to act for is named by nothing.",
			Fix:   "Check serviceUserUPN.",
		},
		{
			Codes: []string{"HTTP404", "HTTP405", "HTTP410", "HTTP3xx", "ClientInvalidAnswer"},
			Text:  "What answers at this address is not Exchange Web Services: a web page, a redirect, or part of an answer.",
			Fix:   "Check ewsURL: it ends in /EWS/Exchange.asmx. Let proxies and firewalls in between pass the requests unchanged.",
		},
		{
			Codes: []string{"ClientProxyRefused", "HTTP407"},
			Text:  "The proxy between the app and Exchange, or Microsoft Entra, opens no connection: it does not allow the address, asks for credentials, or cannot reach it.",
			Fix:   "Allow the hosts of ewsURL and authorityURL in the proxy, give its credentials in HTTPS_PROXY, or exempt the hosts with NO_PROXY.",
		},
	}
}

// mailboxWords explains what is wrong with an address or a room list.
func mailboxWords() []Word {
	return []Word{
		{
			Codes: []string{"ErrorNameResolutionNoResults"},
			Text:  "Exchange knows no room list, or nobody, by this address.",
			Fix:   "Check roomListUPN: it names a distribution group made with -RoomList. New ones take hours to appear in Exchange Online.",
		},
		{
			Codes: []string{"ErrorNonExistentMailbox", "ErrorMailRecipientNotFound", "ErrorInvalidSmtpAddress", "ErrorInvalidUserPrincipalName", "ErrorInvalidUserSid"},
			Text:  "The address has no mailbox in this Exchange organization.",
			Fix:   "Correct the address: serviceUserUPN, or the room's; or remove the room from the room list.",
		},
		{
			Codes: []string{"ErrorNonPrimarySmtpAddress"},
			Text:  "The address is another name of the mailbox, not its primary address.",
			Fix:   "Enter the primary SMTP address.",
		},
		{
			Codes: []string{"ErrorNameResolutionNoMailbox"},
			Text:  "The service user has no mailbox, so names cannot be looked up.",
			Fix:   "Give the service user a mailbox, or enter one that has.",
		},
		{
			Codes: []string{"ErrorNameResolutionMultipleResults"},
			Text:  "A name means several people.",
			Fix:   fixNothing,
		},
		{
			Codes: []string{"ErrorFolderNotFound"},
			Text:  "The mailbox has no calendar the app may see.",
			Fix:   "Check that it is a room mailbox with a calendar, and the app's right to it.",
		},
		{
			Codes: []string{"ErrorQuotaExceeded"},
			Text:  "The mailbox is full.",
			Fix:   "Make room in it, or raise its quota.",
		},
		{
			Codes: []string{"ErrorInvalidRecipients", "ErrorMissingRecipients"},
			Text:  "Exchange does not accept an address to invite.",
			Fix:   "Check the room's address and whether it accepts mail from the organizer.",
		},
	}
}

// serverWords explains trouble that mostly passes.
func serverWords() []Word {
	return []Word{
		{
			Codes: []string{"ErrorServerBusy", "ErrorTooManyObjectsOpened", "ErrorExceededConnectionCount", "HTTP429", "HTTP503", "ClientBackOff"},
			Text:  "Exchange asks for less traffic; the app waits as long as it is told.",
			Fix:   "Nothing, usually. If it lasts, look for other programs with the same account, raise refreshInterval, or assign a throttling policy (Exchange Server).",
		},
		{
			Codes: []string{"ErrorExceededMessageLimit", "ErrorSubmissionQuotaExceeded"},
			Text:  "The mailbox has sent as much as it may for now.",
			Fix:   "Nothing, usually: the app goes on in a few minutes. Many bookings without an organizer come from the service user's mailbox.",
		},
		{
			Codes: []string{"ClientNoAnswer", "exchange_unreachable"},
			Text:  "Exchange did not answer: the network, the name, or the time limit.",
			Fix:   "Check ewsURL and that this machine reaches it; raise requestTimeout if Exchange is slow.",
		},
		{
			Codes: []string{"ClientNoToken"},
			Text:  "The token service (Microsoft Entra) did not answer, or has a problem of its own.",
			Fix:   "Check that this machine reaches authorityURL (https://login.microsoftonline.com, if it is empty), or that its proxy does.",
		},
		{
			Codes: []string{
				"ErrorTimeoutExpired", "ErrorInternalServerTransientError", "ErrorInternalServerError", "ErrorClientDisconnected",
				"ErrorRequestAborted", "ErrorConnectionFailed", "ErrorNoRespondingCASInDestinationSite", "ErrorProxyRequestProcessingFailed",
				"ErrorADUnavailable", "ErrorADOperation", "ErrorBatchProcessingStopped", "ErrorImpersonationFailed",
				"ErrorFreeBusyGenerationFailed", "HTTP408", "HTTP5xx",
			},
			Text: "Exchange, or a server before it, has a passing problem.",
			Fix:  fixWait,
		},
		{
			Codes: []string{"ErrorMailboxFailover", "ErrorMailboxStoreUnavailable", "ErrorMailboxMoveInProgress", "ErrorProxyRequestNotAllowed"},
			Text:  "The mailbox is being moved, or its database is not available.",
			Fix:   fixWait,
		},
		{
			Codes: []string{"ErrorItemSave", "ErrorItemSavePropertyError", "ErrorPropertyUpdate"},
			Text:  "Exchange could not save an item.",
			Fix:   fixWait,
		},
		{
			Codes: []string{
				"ErrorExceededSubscriptionCount", "ErrorSubscriptionNotFound", "ErrorInvalidSubscription", "ErrorExpiredSubscription",
				"ErrorReadEventsFailed", "ErrorEventNotFound", "ErrorMissedNotificationEvents", "ErrorInvalidWatermark",
				"ErrorSubscriptionUnsubscribed", "ErrorSubscriptionAccessDenied", "ErrorNewEventStreamConnectionOpened",
				"ErrorInvalidSubscriptionRequest",
			},
			Text: "A subscription for notifications of Exchange came to its end.",
			Fix:  "Nothing: changes are found by asking as well.",
		},
		{
			Codes: []string{
				"ErrorInvalidServerVersion", "ErrorIncorrectSchemaVersion", "ErrorInvalidSchemaVersionForMailboxVersion", "ErrorWrongServerVersion",
			},
			Text: "The server is older than Exchange 2013.",
			Fix:  "Update the server, or move the mailbox to a newer one.",
		},
	}
}
