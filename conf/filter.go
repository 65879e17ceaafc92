package conf

import (
	"fmt"
	"regexp"
)

// The parameters a filter rule can look at.
const (
	FilterEmail = "email"
	FilterName  = "name"
)

// FilterRule fits a room if the regular expression matches any part of the
// value of the parameter.
type FilterRule struct {
	Parameter string `json:"parameter"`
	Regex     string `json:"regex"`
}

// Filter decides which rooms become assets. The zero value takes all of them.
type Filter struct {
	groups [][]rule
}

type rule struct {
	parameter string
	regex     *regexp.Regexp
}

// Filter returns the compiled AssetFilter.
func (c Configuration) Filter() (Filter, error) {
	filter := Filter{groups: make([][]rule, 0, len(c.AssetFilter))}
	for i, rules := range c.AssetFilter {
		group := make([]rule, 0, len(rules))
		for j, r := range rules {
			regex, err := regexp.Compile(r.Regex)
			if err != nil {
				return Filter{}, fmt.Errorf("compiling assetFilter[%d][%d].regex: %w", i, j, err)
			}
			group = append(group, rule{parameter: r.Parameter, regex: regex})
		}
		filter.groups = append(filter.groups, group)
	}
	return filter, nil
}

// Match tells whether all rules of at least one group fit the properties. A
// rule on a property that is missing does not fit. Without groups everything
// matches.
func (f Filter) Match(properties map[string]string) bool {
	if len(f.groups) == 0 {
		return true
	}
	for _, group := range f.groups {
		if fits(group, properties) {
			return true
		}
	}
	return false
}

func fits(group []rule, properties map[string]string) bool {
	for _, r := range group {
		value, known := properties[r.parameter]
		if !known || !r.regex.MatchString(value) {
			return false
		}
	}
	return true
}
