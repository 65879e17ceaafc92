package schematest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/simulator/exchangesim/schematest"
)

// schema stands in for the published ones: a message has numbers, or is a fault.
const schema = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="types" targetNamespace="types" elementFormDefault="qualified">
<xs:element name="Message"><xs:complexType><xs:choice maxOccurs="unbounded">
<xs:element name="Number" type="xs:int"/><xs:element name="Notification" type="xs:int"/>
<xs:element name="SyncState" type="xs:string"/><xs:element name="faultcode" form="unqualified" type="xs:string"/>
</xs:choice></xs:complexType></xs:element></xs:schema>`

func message(content string) string {
	return `<t:Message xmlns:t="types" xmlns:m="messages">` + content + `</t:Message>`
}

const (
	right        = `<t:Number>1</t:Number>`
	wrong        = `<t:Number>one</t:Number>`
	refused      = `<faultcode xmlns:a="codes">a:ErrorSchemaValidation</faultcode>`
	busy         = `<faultcode xmlns:a="codes">a:ErrorServerBusy</faultcode>`
	notification = `<m:Notification>1</m:Notification>`
)

func TestCheck(t *testing.T) {
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Skip("xmllint is not installed")
	}
	schemas := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(schemas, "soap.xsd"), []byte(schema), 0o600))
	for name, c := range map[string]struct {
		files    map[string]string
		provoked bool
		compared int
		error    string
	}{
		"right":                  {files: map[string]string{"1-A.request.xml": right, "1-A.response.xml": right + right}, compared: 2},
		"in a folder":            {files: map[string]string{"a/1-A.request.xml": right, "b/1-A.request.xml": wrong}, compared: 2, error: "b/1-A.request.xml:1:"},
		"nothing to compare":     {files: map[string]string{"note.txt": wrong}, error: schematest.ErrNothing.Error()},
		"not XML":                {files: map[string]string{"1-A.request.xml": "<", "1-A.response.xml": right}, compared: 2, error: "1-A.request.xml:1:"},
		"wrong request":          {files: map[string]string{"1-A.request.xml": wrong, "1-A.response.xml": right}, compared: 2, error: "1-A.request.xml:1:"},
		"wrong answer":           {files: map[string]string{"1-A.request.xml": right, "1-A.response.xml": wrong}, compared: 2, error: "1-A.response.xml:1:"},
		"alike but for a state":  {files: map[string]string{"1-A.request.xml": "<t:SyncState>1</t:SyncState>", "2-A.request.xml": "<t:SyncState>2</t:SyncState>"}, compared: 1},
		"refused for its form":   {files: map[string]string{"1-A.request.xml": wrong, "1-A.response.xml": refused}, compared: 2, error: "1-A.request.xml:1:"},
		"provoked":               {files: map[string]string{"1-A.request.xml": wrong, "1-A.response.xml": refused}, provoked: true, compared: 1},
		"refused for other sins": {files: map[string]string{"1-A.request.xml": wrong, "1-A.response.xml": busy}, provoked: true, compared: 2, error: "1-A.request.xml:1:"},
		"a stream as it is":      {files: map[string]string{"1-GetStreamingEvents.response.xml": notification}, compared: 1},
		"no stream":              {files: map[string]string{"1-GetItem.response.xml": notification}, compared: 1, error: "1-GetItem.response.xml:1:"},
		"a wrong stream":         {files: map[string]string{"1-GetStreamingEvents.response.xml": wrong}, compared: 1, error: "1-GetStreamingEvents.response.xml:1:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, content := range c.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(message(content)), 0o600))
			}
			n, err := schematest.Records{Dir: dir, Provoked: c.provoked}.Check(t.Context(), schemas)
			require.Equal(t, c.compared, n)
			if c.error == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.error)
			}
		})
	}
	t.Run("no schemas", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "1-A.request.xml"), []byte(message(right)), 0o600))
		_, err := schematest.Records{Dir: dir}.Check(t.Context(), dir)
		require.ErrorContains(t, err, "soap.xsd")
	})
}
