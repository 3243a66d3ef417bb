// templatevectors renders templates with the libraries SPIRE uses and prints what came out.
//
//	templatevectors < tests/vectors/template/templates.txt > tests/vectors/template/rendered.jsonl
//
// tests/interop/test_template_vectors.py makes them again at every change and compares.
//
// One template a line, "\n" in it written as \n; lines that begin with # are comments. One JSON object a line comes
// out: {"template": .., "output": ..} or {"template": .., "fails": "parse" or "execute"}.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

type name struct {
	CommonName   string
	Organization []string
}

type data struct {
	PluginName  string
	Fingerprint string
	Subject     name
	DNSNames    []string
	Empty       []string
	Serial      int
	Ratio       float64
	Yes         bool
	Nothing     any
	Data        []byte
	Facts       map[string]string
	Tree        map[string]any
}

func given() data {
	return data{
		PluginName:  "x509pop",
		Fingerprint: "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33",
		Subject:     name{CommonName: "Web-1.Example", Organization: []string{"Acme", "Ops & Co"}},
		DNSNames:    []string{"b.example", "a.example", "b.example"},
		Serial:      1234567,
		Ratio:       2.5,
		Yes:         true,
		Data:        []byte("abc"),
		Facts:       map[string]string{"zone": "east", "rack": "r7"},
		Tree:        map[string]any{"a": map[string]any{"b": "deep"}, "n": 3},
	}
}

type result struct {
	Template string  `json:"template"`
	Output   *string `json:"output,omitempty"`
	Fails    string  `json:"fails,omitempty"`
}

func render(text string) result {
	parsed, err := template.New("t").Option("missingkey=error").Funcs(sprig.TxtFuncMap()).Parse(text)
	if err != nil {
		return result{Template: text, Fails: "parse"}
	}
	var out strings.Builder
	if err := parsed.Execute(&out, given()); err != nil {
		return result{Template: text, Fails: "execute"}
	}
	text2 := out.String()
	return result{Template: text, Output: &text2}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := encoder.Encode(render(strings.ReplaceAll(line, `\n`, "\n"))); err != nil {
			panic(err)
		}
	}
}
