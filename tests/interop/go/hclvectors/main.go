// hclvectors reads configuration texts with the library SPIRE uses and prints what it made of them.
//
//	hclvectors tree FILE...    the tree: keys, values and positions
//	hclvectors decode FILE...  the text decoded into the structure below
//
// One JSON object a line, in the order of the arguments: {"file": .., "error": ..} or {"file": .., "value": ..}.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/token"
)

type block struct {
	Text   string   `hcl:"text"`
	Number int      `hcl:"number"`
	List   []string `hcl:"list"`
}

type root struct {
	Text    string                 `hcl:"text"`
	Number  int                    `hcl:"number"`
	Yes     bool                   `hcl:"yes"`
	Maybe   *bool                  `hcl:"maybe"`
	List    []string               `hcl:"list"`
	Block   *block                 `hcl:"block"`
	Plain   block                  `hcl:"plain"`
	Many    []block                `hcl:"many"`
	Map     map[string]string      `hcl:"map"`
	Labels  map[string]block       `hcl:"labels"`
	Unknown map[string][]token.Pos `hcl:",unusedKeyPositions"`
}

// MarshalJSON leaves out the file name and the byte offset of unknown keys.
func (r root) MarshalJSON() ([]byte, error) {
	type plain root
	places := map[string][][2]int{}
	for key, positions := range r.Unknown {
		for _, position := range positions {
			places[key] = append(places[key], at(position))
		}
	}
	return json.Marshal(struct {
		plain
		Unknown map[string][][2]int
	}{plain(r), places})
}

func at(p token.Pos) [2]int { return [2]int{p.Line, p.Column} }

func tree(node ast.Node) any {
	switch n := node.(type) {
	case *ast.File:
		return tree(n.Node)
	case *ast.ObjectList:
		items := []any{}
		for _, item := range n.Items {
			keys := []any{}
			for _, key := range item.Keys {
				keys = append(keys, map[string]any{"name": key.Token.Value(), "at": at(key.Token.Pos)})
			}
			items = append(items, map[string]any{"keys": keys, "value": tree(item.Val)})
		}
		return items
	case *ast.ObjectType:
		return map[string]any{"object": tree(n.List), "at": at(n.Lbrace)}
	case *ast.ListType:
		items := []any{}
		for _, item := range n.List {
			items = append(items, tree(item))
		}
		return map[string]any{"list": items, "at": at(n.Lbrack)}
	case *ast.LiteralType:
		return map[string]any{"type": n.Token.Type.String(), "value": n.Token.Value(), "at": at(n.Token.Pos)}
	}
	return fmt.Sprintf("%T", node)
}

func read(mode string, text string) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if mode == "tree" {
		file, err := hcl.Parse(text)
		if err != nil {
			return nil, err
		}
		return tree(file), nil
	}
	var r root
	if err := hcl.Decode(&r, text); err != nil {
		return nil, err
	}
	return r, nil
}

func main() {
	out := json.NewEncoder(os.Stdout)
	for _, path := range os.Args[2:] {
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		answer := map[string]any{"file": filepath.Base(path)}
		if value, err := read(os.Args[1], string(text)); err != nil {
			answer["error"] = err.Error()
		} else {
			answer["value"] = value
		}
		if err := out.Encode(answer); err != nil {
			panic(err)
		}
	}
}
