package soap

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Violation is a request that does not follow the schema.
type Violation struct {
	Line, Col int
	Message   string
}

func (v *Violation) Error() string { return v.Message }

// particle is one step of a content model: a single element, or a choice of
// several.
type particle struct {
	options  []option
	min, max int // max < 0 means unbounded
}

// option is an element allowed at a particle and the name of its type.
type option struct {
	space, name, typ string
}

type attribute struct {
	name, typ string
	required  bool
}

// complexType is a content model, or a text type when text is not "".
type complexType struct {
	attrs     []attribute
	particles []particle
	text      string
	any       bool // content is not checked
}

type schema struct {
	types map[string]*complexType
	enums map[string][]string
}

// spaces are the prefixes used in the grammar's text.
var spaces = map[string]string{"t": NSTypes, "m": NSMessages}

// parseSchema reads the grammar's notation, one definition per line:
//
//	$Name value value ...            an enumeration
//	Name  @attr=type @attr!=type  p:Element=type p:Element?=type (p:A=x|p:B=y)+
//	Name  "type"                     text of a simple type (attributes allowed)
//	Name  ...                        any content
//
// ! marks a required attribute, ? * + the usual multiplicities. An element
// without =type has the type of its own name. &Name includes the particles of
// another type. A line that starts with blanks continues the one before.
func parseSchema(text string) *schema {
	s := &schema{types: map[string]*complexType{}, enums: map[string][]string{}}
	text = strings.ReplaceAll(text, "\n\t", " ")
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if name, ok := strings.CutPrefix(fields[0], "$"); ok {
			s.enums[name] = fields[1:]
			continue
		}
		t := &complexType{}
		for _, f := range fields[1:] {
			switch {
			case f == "...":
				t.any = true
			case f[0] == '"':
				t.text = strings.Trim(f, `"`)
			case f[0] == '&':
				t.particles = append(t.particles, s.types[f[1:]].particles...)
				t.attrs = append(t.attrs, s.types[f[1:]].attrs...)
			case f[0] == '@':
				name, typ, _ := strings.Cut(f[1:], "=")
				name, required := strings.CutSuffix(name, "!")
				t.attrs = append(t.attrs, attribute{name, typ, required})
			default:
				t.particles = append(t.particles, parseParticle(f))
			}
		}
		s.types[fields[0]] = t
	}
	return s
}

func parseParticle(f string) particle {
	p := particle{min: 1, max: 1}
	if body, ok := strings.CutPrefix(f, "("); ok {
		end := strings.LastIndexByte(body, ')')
		p.min, p.max = multiplicity(body[end+1:])
		for o := range strings.SplitSeq(body[:end], "|") {
			p.options = append(p.options, parseOption(o))
		}
		return p
	}
	name, typ, hasType := strings.Cut(f, "=")
	base := strings.TrimRight(name, "?*+")
	p.min, p.max = multiplicity(name[len(base):])
	if hasType {
		base += "=" + typ
	}
	p.options = []option{parseOption(base)}
	return p
}

func parseOption(f string) option {
	name, typ, hasType := strings.Cut(f, "=")
	prefix, local, _ := strings.Cut(name, ":")
	if !hasType {
		typ = local
	}
	return option{spaces[prefix], local, typ}
}

func multiplicity(mark string) (lo, hi int) {
	switch mark {
	case "?":
		return 0, 1
	case "*":
		return 0, -1
	case "+":
		return 1, -1
	}
	return 1, 1
}

// check validates e against the named type.
func (s *schema) check(e *Element, typ string) error {
	t, ok := s.types[typ]
	if !ok {
		return s.checkText(e, typ)
	}
	if t.any {
		return nil
	}
	if err := s.checkAttrs(e, t.attrs); err != nil {
		return err
	}
	if t.text != "" {
		return s.checkText(e, t.text)
	}
	if strings.TrimSpace(e.Text) != "" {
		return violation(e, "The element '%s' in namespace '%s' cannot contain text.", e.Name, e.Space)
	}
	return s.checkChildren(e, t.particles)
}

func (s *schema) checkChildren(e *Element, particles []particle) error {
	at, count := 0, 0
	for _, c := range e.Children {
		for {
			if at == len(particles) {
				return invalidChild(e, c, nil)
			}
			p := particles[at]
			i := slices.IndexFunc(p.options, func(o option) bool { return o.name == c.Name && o.space == c.Space })
			if i >= 0 && (p.max < 0 || count < p.max) {
				count++
				if err := s.check(c, p.options[i].typ); err != nil {
					return err
				}
				break
			}
			if count < p.min {
				return invalidChild(e, c, particles[at:at+1])
			}
			at, count = at+1, 0
		}
	}
	for ; at < len(particles); at, count = at+1, 0 {
		if count < particles[at].min {
			return violation(e, "The element '%s' in namespace '%s' has incomplete content. List of possible elements expected: '%s'.",
				e.Name, e.Space, names(particles[at:at+1]))
		}
	}
	return nil
}

func (s *schema) checkAttrs(e *Element, allowed []attribute) error {
	for _, a := range e.Attrs {
		if a.Space != "" {
			continue
		}
		i := slices.IndexFunc(allowed, func(x attribute) bool { return x.name == a.Name })
		if i < 0 {
			return violation(e, "The '%s' attribute is not declared.", a.Name)
		}
		if err := s.simple(allowed[i].typ, a.Value); err != nil {
			return violation(e, "The '%s' attribute is invalid - The value '%s' is invalid according to its datatype - %v", a.Name, a.Value, err)
		}
	}
	for _, a := range allowed {
		if _, ok := e.LookupAttr(a.name); a.required && !ok {
			return violation(e, "The required attribute '%s' is missing.", a.name)
		}
	}
	return nil
}

func (s *schema) checkText(e *Element, typ string) error {
	if len(e.Children) > 0 {
		return invalidChild(e, e.Children[0], nil)
	}
	if err := s.simple(typ, e.Text); err != nil {
		return violation(e, "The '%s:%s' element is invalid - The value '%s' is invalid according to its datatype - %v", e.Space, e.Name, e.Text, err)
	}
	return nil
}

var (
	guidPattern = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	tagPattern  = regexp.MustCompile(`^0[xX][0-9A-Fa-f]{1,4}$`)
	datePattern = regexp.MustCompile(`^-?\d{4,}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?$`)
	timePattern = regexp.MustCompile(`^-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$`)
	durPattern  = regexp.MustCompile(`^-?P(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$`)
)

// simple checks a value against a simple type: a name of XML Schema, an
// enumeration, list(enumeration) or int(min,max).
func (s *schema) simple(typ, value string) error {
	trimmed := strings.TrimSpace(value)
	if arg, ok := strings.CutPrefix(typ, "int("); ok {
		lo, hi, _ := strings.Cut(strings.TrimSuffix(arg, ")"), ",")
		least, _ := strconv.Atoi(lo)
		most, _ := strconv.Atoi(hi)
		if n, err := strconv.Atoi(trimmed); err != nil || n < least || n > most {
			return fmt.Errorf("the value must be between %d and %d", least, most)
		}
		return nil
	}
	if arg, ok := strings.CutPrefix(typ, "list("); ok {
		for part := range strings.FieldsSeq(value) {
			if err := s.simple(strings.TrimSuffix(arg, ")"), part); err != nil {
				return err
			}
		}
		return nil
	}
	ok := true
	switch typ {
	case "", "string":
	case "nonEmpty":
		ok = value != ""
	case "int":
		_, err := strconv.ParseInt(trimmed, 10, 32)
		ok = err == nil
	case "long":
		_, err := strconv.ParseInt(trimmed, 10, 64)
		ok = err == nil
	case "double":
		_, err := strconv.ParseFloat(trimmed, 64)
		ok = err == nil
	case "boolean":
		ok = slices.Contains([]string{"true", "false", "1", "0"}, trimmed)
	case "dateTime":
		ok = timePattern.MatchString(trimmed) && validDay(trimmed)
	case "date":
		ok = datePattern.MatchString(trimmed) && validDay(trimmed)
	case "duration":
		ok = durPattern.MatchString(trimmed)
	case "base64":
		_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
		ok = err == nil
	case "guid":
		ok = guidPattern.MatchString(value)
	case "tag":
		ok = tagPattern.MatchString(value) || isDecimalTag(value)
	case "fieldURI":
		ok = validFieldURI(value)
	default:
		enum, known := s.enums[typ]
		if !known {
			return fmt.Errorf("the grammar has no type %q", typ)
		}
		if !slices.Contains(enum, value) {
			return fmt.Errorf("the Enumeration constraint failed")
		}
	}
	if !ok {
		return fmt.Errorf("the string '%s' is not a valid %s value", value, typ)
	}
	return nil
}

func validDay(s string) bool {
	if len(s) < 10 {
		return false
	}
	_, err := time.Parse("2006-01-02", s[:10])
	return err == nil
}

// isDecimalTag accepts the unsigned short form that the schema's union of
// PropertyTagType allows beside the hexadecimal one.
func isDecimalTag(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func violation(e *Element, format string, args ...any) error {
	return &Violation{Line: e.Line, Col: e.Col, Message: fmt.Sprintf(format, args...)}
}

func invalidChild(e, c *Element, expected []particle) error {
	msg := fmt.Sprintf("The element '%s' in namespace '%s' has invalid child element '%s' in namespace '%s'.", e.Name, e.Space, c.Name, c.Space)
	if len(expected) > 0 {
		msg += fmt.Sprintf(" List of possible elements expected: '%s'.", names(expected))
	}
	return &Violation{Line: c.Line, Col: c.Col, Message: msg}
}

func names(particles []particle) string {
	var out []string
	for _, p := range particles {
		for _, o := range p.options {
			out = append(out, o.name)
		}
	}
	return strings.Join(out, ", ")
}
