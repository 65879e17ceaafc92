package health

// wayWords explains what stands between the app and a server. Checks of a
// configuration tell it in this detail.
func wayWords() []Word {
	return []Word{
		{
			Codes: []string{"ClientHostUnknown"},
			Text:  "The name service knows no server, or proxy, of this name.",
			Fix:   "Correct the spelling of the address; or let the name service that the app uses (that of its container) know the name.",
		},
		{
			Codes: []string{"ClientConnectionRefused"},
			Text:  "At this address nobody answers on this port.",
			Fix:   "Check name and port of the address, and that the server runs.",
		},
		{
			Codes: []string{"ClientTimeout"},
			Text:  "The server did not answer in time; mostly a firewall drops what is sent.",
			Fix:   "Let the firewall pass connections from the machine of the app to this address; or name a proxy in HTTPS_PROXY.",
		},
		{
			Codes: []string{"ClientNotTLS"},
			Text:  "The address begins with https, and what answers at this port does not speak TLS.",
			Fix:   "Correct the port of the address, or the address itself.",
		},
		{
			Codes: []string{"ClientOldTLS"},
			Text:  "The server knows only versions of TLS before 1.2, which are broken.",
			Fix:   "Enable TLS 1.2 on the server; Exchange 2013 and later support it (see Microsoft's \"Exchange Server TLS guidance\").",
		},
		{
			Codes: []string{"ClientHandshake"},
			Text:  "The two sides find no common way to encrypt, or the server wants a certificate of the app.",
			Fix:   "Look at the TLS settings of the server, or of the proxy in front of it: cipher suites, client certificates.",
		},
		{
			Codes: []string{"ClientUnknownAuthority"},
			Text:  "The server's certificate is signed by an authority that is not trusted.",
			Fix:   "Enter the certificate of the authority as caCertificates. If it is that of a proxy that inspects traffic, exempt the server from the inspection.",
		},
		{
			Codes: []string{"ClientWrongName"},
			Text:  "The server's certificate is for other names than the one in the address.",
			Fix:   "Use a name of the certificate in the address; or have a certificate issued that has this name.",
		},
		{
			Codes: []string{"ClientCertificateExpired"},
			Text:  "The server's certificate has expired, or is not valid yet.",
			Fix:   "Renew the certificate on the server. If it is valid there, correct the clock of the machine of the app.",
		},
		{
			Codes: []string{"certificate_expires_soon"},
			Text:  "The server's certificate expires within two weeks.",
			Fix:   "Renew it in time.",
		},
		{
			Codes: []string{"not_encrypted"},
			Text:  "The address begins with http: meetings cross the network readable for everybody.",
			Fix:   "Use https, except in test environments.",
		},
	}
}

// logonWords explains why the app is not let in, as precisely as a check can
// find out.
func logonWords() []Word {
	return []Word{
		{
			Codes: []string{"AADSTS7000215"},
			Text:  "Microsoft Entra refuses the client secret: it is not one of this app registration.",
			Fix:   "Enter the value of the secret, not its id, as clientSecret. The value is shown only once: make a new secret if it is lost.",
		},
		{
			Codes: []string{"AADSTS7000222"},
			Text:  "The client secret has expired.",
			Fix:   "Make a new client secret in the app registration and enter its value as clientSecret.",
		},
		{
			Codes: []string{"AADSTS90002", "AADSTS900023", "AADSTS900021"},
			Text:  "Microsoft Entra knows no organization by this tenant id.",
			Fix:   "Correct tenantId: the directory (tenant) id of the app registration, or a domain of the organization. In a national cloud, correct authorityURL.",
		},
		{
			Codes: []string{"AADSTS700016"},
			Text:  "The organization has no app registration with this client id.",
			Fix:   "Correct clientId: the application (client) id, not the object id; and tenantId: the organization the registration belongs to.",
		},
		{
			Codes: []string{"AADSTS7000112"},
			Text:  "The app registration is disabled in the organization.",
			Fix:   "Enable it under Enterprise applications in the Microsoft Entra admin center.",
		},
		{
			Codes: []string{"AADSTS500011", "AADSTS70011", "AADSTS1002012"},
			Text:  "Microsoft Entra knows no resource by this scope.",
			Fix:   "Correct oauthScope: https://outlook.office365.com/.default, unless the organization is in a national cloud or has its own server.",
		},
		{
			Codes: []string{"AADSTS90038", "AADSTS900382", "AADSTS900439"},
			Text:  "The organization belongs to another cloud of Microsoft.",
			Fix:   "Enter authorityURL, oauthScope and ewsURL of its cloud.",
		},
		{
			Codes: []string{"AADSTS53003"},
			Text:  "A Conditional Access policy of the organization blocks the app.",
			Fix:   "Exempt the app, or allow the network it calls from, in the policies for workload identities.",
		},
		{
			Codes: []string{"consent_missing"},
			Text:  "The app has a token, and the token lacks the permission full_access_as_app.",
			Fix: "In the app registration add the application permission full_access_as_app of Office 365 Exchange Online, and grant admin consent. " +
				"Or give the app the role \"Application EWS.AccessAsApp\" in Exchange (RBAC for Applications).",
		},
		{
			Codes: []string{"exchange_blocked"},
			Text: "The app has token and permission, and Exchange Online does not admit it: EWS is blocked for the organization, for this app, or for the mailbox. " +
				"Microsoft blocks EWS since 1 October 2026 where it is not allowed explicitly, and ends it for everybody on 1 April 2027.",
			Fix: "Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs \"<clientId>\" (it replaces the whole list; Get-OrganizationConfig " +
				"-RetrieveEwsOperationAccessPolicy shows it, and a change takes up to 24 hours). See that Get-CASMailbox shows no EwsEnabled False and no " +
				"EwsApplicationAccessPolicy against it.",
		},
		{
			Codes: []string{"exchange_retirement"},
			Text:  "All is well until then: Microsoft ends EWS in Exchange Online for everybody on 1 April 2027.",
			Fix:   "See that clientId is listed in EwsAllowedAppIDs, and plan for a release of this app that needs no EWS.",
		},
		{
			Codes: []string{"ClientAudienceRefused"},
			Text:  "Exchange refuses the token: it was issued for another resource.",
			Fix:   "Correct oauthScope: https://outlook.office365.com/.default, unless the organization is in a national cloud or has its own server.",
		},
		{
			Codes: []string{"exchange_token_refused"},
			Text:  "Exchange refuses the token that Microsoft Entra issued.",
			Fix:   "Check that ewsURL and authorityURL belong to the same cloud, and that the server accepts modern authentication, if it is your own.",
		},
		{
			Codes: []string{"ClientLogonRefused"},
			Text: "Exchange refuses user name and password. Where Extended Protection is required, it also refuses the right ones as soon as anything between " +
				"app and server ends TLS.",
			Fix: "Check username (DOMAIN\\user or user@example.com), password, whether the account is locked, and the clocks. If all are right: let TLS " +
				"pass to the Exchange server unbroken (no inspection, no offloading), or give proxy and server the same certificate.",
		},
		{
			Codes: []string{"ClientChannelBinding"},
			Text: "User name and password are right, and Exchange refuses the connection: Extended Protection is on, and something between app and server - " +
				"a load balancer, a proxy, an inspection - ends TLS.",
			Fix: "Let TLS pass to the Exchange server unbroken, or give the proxy and the server the same certificate. Else turn Extended Protection off " +
				"for the EWS directory (ExchangeExtendedProtectionManagement.ps1).",
		},
		{
			Codes: []string{"ClientNTLMNotOffered"},
			Text:  "The server offers no logon by NTLM.",
			Fix:   "Enable it: Set-WebServicesVirtualDirectory -WindowsAuthentication $true. If a proxy is in front of the server, let it pass the header WWW-Authenticate and keep connections apart.",
		},
	}
}

// checkWords explains what a check of a configuration finds besides.
func checkWords() []Word {
	return []Word{
		{
			Codes: []string{"configuration_invalid"},
			Text:  "A value of the configuration cannot be used.",
			Fix:   "Correct the fields that are named, and save the configuration.",
		},
		{
			Codes: []string{"room_list_not_found"},
			Text:  "Exchange knows no room list by this address.",
			Fix:   "Correct roomListUPN. A room list is made by New-DistributionGroup -RoomList; in Exchange Online it takes hours to appear.",
		},
		{
			Codes: []string{"not_a_room_list"},
			Text:  "The address exists, but it is not that of a room list.",
			Fix:   "Enter the address of a room list as roomListUPN, or make the group one: Set-DistributionGroup <group> -RoomList.",
		},
		{
			Codes: []string{"room_list_empty"},
			Text:  "The room list has no room that Exchange tells of.",
			Fix:   "Add rooms: Add-DistributionGroupMember <list> -Member <room>. Rooms that are hidden from address lists are not told.",
		},
		{
			Codes: []string{"room_list_full"},
			Text:  "The room list has as many rooms as Exchange tells at once: some may be missing.",
			Fix:   "Split the list, and add a configuration for each part.",
		},
		{
			Codes: []string{"room_undecided"},
			Text:  "The room leaves meetings unanswered: it does not seem to answer by itself. Bookings made in Eliona would stay provisional.",
			Fix:   "Set-CalendarProcessing <room> -AutomateProcessing AutoAccept. If a delegate approves, nothing is wrong.",
		},
		{
			Codes: []string{"filter_takes_none"},
			Text:  "No room of the list passes assetFilter.",
			Fix:   "Correct the rules: within a group all must fit, upper and lower case differ, and a regular expression fits any part of the value.",
		},
		{
			Codes: []string{"no_room_list"},
			Text:  "The configuration names no room list; rooms are not looked up.",
			Fix:   "Enter roomListUPN, unless only assets that exist already are to be synchronized.",
		},
		{
			Codes: []string{"no_projects"},
			Text:  "The configuration names no project: nothing is synchronized.",
			Fix:   "Enter projectIDs.",
		},
		{
			Codes: []string{"project_not_found"},
			Text:  "Eliona has no project with this id.",
			Fix:   "Correct projectIDs.",
		},
		{
			Codes: []string{"asset_type_missing"},
			Text:  "Eliona does not know the asset type ews_room, so no asset can be made.",
			Fix:   "Install the app anew; that registers its asset types.",
		},
		{
			Codes: []string{"booking_socket_closed"},
			Text:  "The Booking app answers, but opens no WebSocket, on which it tells of bookings. Bookings would be noticed only once an hour.",
			Fix:   "Let what stands between the app and the Booking app pass WebSockets (the header Upgrade).",
		},
		{
			Codes: []string{"earlier_step_failed"},
			Text:  "Not looked at, because a step before it failed.",
			Fix:   "Mend that first, and check again.",
		},
		{
			Codes: []string{"not_asked_for"},
			Text:  "Not looked at, because no mailbox was given.",
			Fix:   "Give the address of an ordinary user as mailbox, to see whether meetings can be made in that person's name.",
		},
		{
			Codes: []string{"check_out_of_time"},
			Text:  "There was no time left for this step.",
			Fix:   "Check again. If it lasts, the servers, or the network to them, are slow.",
		},
	}
}

// StepTitles names the steps of a check for people.
func StepTitles() map[string]string {
	return map[string]string{
		"configuration": "Values of the configuration", "name_resolution": "Name of the server", "connection": "Connection to the server",
		"token": "Access token", "logon": "Logon", "exchange": "Exchange Web Services", "impersonation": "Acting for the service user",
		"room_list": "Room list", "asset_filter": "Asset filter", "room": "Calendar of a room", "user_mailbox": "Calendar of a user",
		"booking_app": "Booking app", "booking_groups": "Version of the Booking app", "booking_changes": "Messages of the Booking app",
		"eliona": "Eliona API", "project": "Project in Eliona", "asset_creation": "Creating assets",
	}
}
