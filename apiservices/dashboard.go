package apiservices

import (
	"context"

	"ews/apiserver"
)

// RoomsDashboard is the name of the dashboard template, which metadata.json
// lists.
const RoomsDashboard = "Exchange Rooms"

// ProjectRooms knows the rooms of Eliona's projects.
type ProjectRooms interface {
	// ProjectRooms returns the bookable rooms of a project in the order in which
	// people look for them.
	ProjectRooms(ctx context.Context, project string) ([]ProjectRoom, error)
}

// ProjectRoom is the asset of a room.
type ProjectRoom struct {
	AssetID int32
	Name    string
}

// dashboards answers what Eliona's dashboards can be made of.
type dashboards struct{ rooms ProjectRooms }

// widgetType is one of Eliona's own that lists attributes.
const widgetType = "GeneralDisplay"

// GetDashboardTemplateByName returns the dashboard of a project's rooms.
func (s dashboards) GetDashboardTemplateByName(
	ctx context.Context, request apiserver.GetDashboardTemplateByNameRequestObject,
) (apiserver.GetDashboardTemplateByNameResponseObject, error) {
	if request.DashboardTemplateName != RoomsDashboard {
		return apiserver.GetDashboardTemplateByName404JSONResponse{Error: "there is no dashboard template with this name"}, nil
	}
	answer := apiserver.GetDashboardTemplateByName200JSONResponse{
		Name: RoomsDashboard, ProjectId: request.Params.ProjectId, UserId: caller(ctx), Widgets: []apiserver.Widget{},
	}
	if s.rooms == nil {
		return answer, nil
	}
	rooms, err := s.rooms.ProjectRooms(ctx, request.Params.ProjectId)
	if err != nil {
		return nil, err
	}
	for i, room := range rooms {
		answer.Widgets = append(answer.Widgets, roomWidget(room, int32(i+1)))
	}
	return answer, nil
}

func roomWidget(room ProjectRoom, sequence int32) apiserver.Widget {
	widget := apiserver.Widget{
		WidgetTypeName: widgetType, AssetId: room.AssetID, Sequence: sequence,
		Details: map[string]any{"size": 1, "timespan": 7},
	}
	for i, shown := range []struct{ attribute, subtype, description string }{
		{"occupancy", "input", "Occupied"},
		{"current_end", "status", "Meeting until"},
		{"next_start", "status", "Next meeting from"},
		{"next_end", "status", "Next meeting until"},
	} {
		widget.Data = append(widget.Data, apiserver.WidgetData{
			ElementSequence: 1, AssetId: room.AssetID, Data: map[string]any{
				"attribute": shown.attribute, "subtype": shown.subtype, "description": shown.description, "seq": i,
				"key": "", "aggregatedDataType": "heap", "aggregatedDataField": nil,
			},
		})
	}
	return widget
}
