package apiservices

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"ews/apiserver"
)

const maxBody = 1 << 20

// limitBody lets no request carry more than maxBody, whether or not somebody
// reads it.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			w.Header().Set("Connection", "close")
			tooLarge(w)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func tooLarge(w http.ResponseWriter) {
	writeError(w, http.StatusRequestEntityTooLarge, apiserver.Error{Error: "the request body is larger than 1 MiB"})
}

// strictBody lets only bodies through that have the described form. The
// generated decoder would take unknown fields and further content in silence,
// and report one mistake at a time.
func strictBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form := formOf(r)
		if form.kind == nil {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body) // see limitBody
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			tooLarge(w)
			return
		} else if err != nil {
			writeError(w, http.StatusBadRequest, apiserver.Error{Error: "the request body could not be read"})
			return
		}
		canonical, problems, err := form.canonicalBody(body)
		switch {
		case err != nil:
			writeError(w, http.StatusBadRequest, apiserver.Error{Error: err.Error()})
		case len(problems) > 0:
			writeError(w, http.StatusBadRequest, apiserver.Error{
				Error: "the request body does not have the described form", Fields: &problems,
			})
		default:
			r.Body = io.NopCloser(bytes.NewReader(canonical))
			r.ContentLength = int64(len(canonical))
			next.ServeHTTP(w, r)
		}
	})
}

// form is what the body of a request has to be.
type form struct {
	kind     reflect.Type // nil: the operation takes no body
	noun     string
	optional bool
}

// formOf returns the form of a request's body.
func formOf(r *http.Request) form {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return form{}
	}
	_, below, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, BasePath+"/configs"), "/")
	_, action, deeper := strings.Cut(below, "/")
	switch {
	case !deeper:
		return configurationForm()
	case action == "check":
		return form{kind: reflect.TypeFor[apiserver.CheckRequest](), noun: "a request to check", optional: true}
	}
	return form{}
}

func configurationForm() form {
	return form{kind: reflect.TypeFor[apiserver.Configuration](), noun: "a configuration"}
}

// nested tells whether a value is a configuration within something else.
func nested(kind reflect.Type, value json.RawMessage) bool {
	return kind == reflect.TypeFor[*apiserver.Configuration]() && bytes.HasPrefix(bytes.TrimSpace(value), []byte("{"))
}

// canonicalBody checks a JSON object and returns it with the names spelled as
// described and without what belongs to the app. An error means that it is no
// JSON object at all, problems concern its fields.
func (f form) canonicalBody(body []byte) ([]byte, []apiserver.FieldError, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // some editors put it there
	if len(bytes.TrimSpace(body)) == 0 {
		if f.optional {
			return nil, nil, nil
		}
		return nil, nil, fmt.Errorf("the request body is empty; it must be %s as a JSON object", f.noun)
	}
	if !utf8.Valid(body) {
		return nil, nil, errors.New("the request body is not encoded in UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil {
		return nil, nil, notJSON(decoder, err)
	} else if start != json.Delim('{') {
		return nil, nil, errors.New("the request body must be a JSON object")
	}
	known := fields(f.kind)
	found := map[string]json.RawMessage{}
	var problems []apiserver.FieldError
	for decoder.More() {
		name, value, err := member(decoder)
		if err != nil {
			return nil, nil, notJSON(decoder, err)
		}
		field, message := f.check(known, found, name, value)
		switch {
		case message != "":
			problems = append(problems, apiserver.FieldError{Field: name, Message: message})
		case nested(known[field], value):
			inner, within, err := configurationForm().canonicalBody(value)
			if err != nil {
				return nil, nil, err
			}
			for _, p := range within {
				problems = append(problems, apiserver.FieldError{Field: field + "." + p.Field, Message: p.Message})
			}
			found[field] = inner
		case !readOnly(field):
			found[field] = value
		}
	}
	if _, err := decoder.Token(); err != nil { // the closing brace
		return nil, nil, notJSON(decoder, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("the request body has further content after the JSON object")
	}
	canonical, err := json.Marshal(found)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	return canonical, problems, nil
}

func notJSON(decoder *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return fmt.Errorf("the request body is not valid JSON: %w (near byte %d)", err, decoder.InputOffset())
}

func member(decoder *json.Decoder) (string, json.RawMessage, error) {
	token, err := decoder.Token()
	if err != nil {
		return "", nil, err
	}
	name, ok := token.(string)
	if !ok {
		return "", nil, errors.New("the name of a field is missing")
	}
	var value json.RawMessage
	return name, value, decoder.Decode(&value)
}

// check returns the described name of a field, or what is wrong with it. Names
// may differ in upper and lower case, as they always might.
func (f form) check(known map[string]reflect.Type, found map[string]json.RawMessage, name string, value json.RawMessage) (string, string) {
	field, kind := lookup(known, name)
	if kind == nil {
		return "", "is not a field of " + f.noun
	}
	if readOnly(field) {
		return field, ""
	}
	if _, again := found[field]; again {
		return "", "is given more than once"
	}
	if nested(kind, value) {
		return field, "" // its own fields are checked
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	return field, explain(decoder.Decode(reflect.New(kind).Interface()))
}

func lookup(known map[string]reflect.Type, name string) (string, reflect.Type) {
	if kind, ok := known[name]; ok {
		return name, kind
	}
	for field, kind := range known {
		if strings.EqualFold(field, name) {
			return field, kind
		}
	}
	return "", nil
}

func explain(err error) string {
	if err == nil {
		return ""
	}
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return "cannot be read: " + strings.TrimPrefix(err.Error(), "json: ") // names an unknown field of a rule
	}
	where := ""
	if wrong.Field != "" {
		where = "has a rule whose " + wrong.Field + " "
	}
	switch wrong.Type.Kind() { // the kinds a configuration is made of
	case reflect.String:
		return where + "must be a text, not " + wrong.Value
	case reflect.Bool:
		return where + "must be true or false, not " + wrong.Value
	case reflect.Slice:
		return where + "must be a list, not " + wrong.Value
	case reflect.Struct:
		return where + "must be a JSON object, not " + wrong.Value
	default:
		return where + "must be a whole number, not " + wrong.Value
	}
}

// fields returns the types of the fields by their names in JSON.
func fields(object reflect.Type) map[string]reflect.Type {
	known := make(map[string]reflect.Type, object.NumField())
	for field := range object.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = field.Type
	}
	return known
}

// readOnly tells whether a field belongs to the app. A client that sends back
// what it has read may contain it.
func readOnly(field string) bool {
	switch field {
	case "id", "active", "userId", "statusCode", "statusText", "statusSince":
		return true
	default:
		return false
	}
}
