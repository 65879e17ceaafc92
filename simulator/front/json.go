package front

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxBody bounds what a simulator reads from one request.
const maxBody = 32 << 20

// Error is a refusal: the status of the answer and its text. Both Eliona and
// the Booking app answer errors as a JSON string.
type Error struct {
	Status int
	Text   string
}

func (e *Error) Error() string { return e.Text }

// Refuse returns an Error with a formatted text.
func Refuse(status int, format string, args ...any) *Error {
	return &Error{Status: status, Text: fmt.Sprintf(format, args...)}
}

// Missing is the refusal of a required field that is absent, empty or zero.
func Missing(field string) *Error {
	return Refuse(http.StatusUnprocessableEntity, "required field '%s' is zero value.", field)
}

// Handler is a route that answers by writing, or by returning an error.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route makes an http.HandlerFunc of a Handler. Errors other than Error are
// the simulator's own failures and answered as such.
func Route(h Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		refusal := new(Error)
		if !errors.As(err, &refusal) {
			refusal = &Error{Status: http.StatusInternalServerError, Text: err.Error()}
		}
		WriteError(w, refusal.Status, refusal.Text)
	}
}

// WriteError answers with a JSON string.
func WriteError(w http.ResponseWriter, status int, text string) {
	WriteJSON(w, status, text)
}

// WriteJSON answers with v as JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`"answer cannot be encoded"`)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// ReadJSON decodes the body of r into v. Unknown keys, a wrong type and
// anything after the value are refused with 400; an empty body leaves v as it
// is, so that the check of required fields refuses it.
func ReadJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return Refuse(http.StatusBadRequest, "reading the request body: %v", err)
	}
	if len(body) > maxBody {
		return Refuse(http.StatusRequestEntityTooLarge, "request body is larger than %d bytes", maxBody)
	}
	return DecodeJSON(body, v)
}

// DecodeJSON decodes body as ReadJSON does.
func DecodeJSON(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return Refuse(http.StatusBadRequest, "%v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Refuse(http.StatusBadRequest, "unexpected content after the JSON value")
	}
	return nil
}
