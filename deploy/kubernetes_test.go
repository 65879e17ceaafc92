package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// The part of the Kubernetes API that the manifests use, after its reference.
// A misspelled field does not decode.
type (
	metadata struct {
		Name        string
		Labels      map[string]string
		Annotations map[string]string
	}
	selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	port struct {
		Name          string
		Protocol      string
		Port          int
		ContainerPort int    `yaml:"containerPort"`
		TargetPort    string `yaml:"targetPort"`
	}
	reference struct {
		Name     string
		Key      string
		Optional bool
	}
	variable struct {
		Name, Value string
		ValueFrom   struct {
			SecretKeyRef reference `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	probe struct {
		HTTPGet struct {
			Path, Port string
		} `yaml:"httpGet"`
		PeriodSeconds    int `yaml:"periodSeconds"`
		TimeoutSeconds   int `yaml:"timeoutSeconds"`
		FailureThreshold int `yaml:"failureThreshold"`
	}
	container struct {
		Name, Image     string
		ImagePullPolicy string `yaml:"imagePullPolicy"`
		Ports           []port
		EnvFrom         []struct {
			ConfigMapRef reference `yaml:"configMapRef"`
		} `yaml:"envFrom"`
		Env            []variable
		LivenessProbe  probe `yaml:"livenessProbe"`
		ReadinessProbe probe `yaml:"readinessProbe"`
		Resources      struct{ Requests, Limits map[string]string }
		Security       struct {
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct{ Drop []string }
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	volume struct {
		Name   string
		Secret struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode int    `yaml:"defaultMode"`
			Items       []struct{ Key, Path string }
		}
		ConfigMap reference `yaml:"configMap"`
	}
	deployment struct {
		APIVersion, Kind string `yaml:",omitempty"`
		Metadata         metadata
		Spec             struct {
			Replicas int
			Selector selector
			Strategy struct {
				Type          string
				RollingUpdate struct {
					MaxSurge       int `yaml:"maxSurge"`
					MaxUnavailable int `yaml:"maxUnavailable"`
				} `yaml:"rollingUpdate"`
			}
			Template struct {
				Metadata metadata
				Spec     struct {
					AutomountServiceAccountToken  *bool `yaml:"automountServiceAccountToken"`
					EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
					TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
					SecurityContext               struct {
						RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
						RunAsUser      int                   `yaml:"runAsUser"`
						RunAsGroup     int                   `yaml:"runAsGroup"`
						FSGroup        int                   `yaml:"fsGroup"`
						SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
					} `yaml:"securityContext"`
					TopologySpreadConstraints []struct {
						MaxSkew           int      `yaml:"maxSkew"`
						TopologyKey       string   `yaml:"topologyKey"`
						WhenUnsatisfiable string   `yaml:"whenUnsatisfiable"`
						LabelSelector     selector `yaml:"labelSelector"`
					} `yaml:"topologySpreadConstraints"`
					Containers []container
					Volumes    []volume
				}
			}
		}
	}
	configMap struct {
		APIVersion, Kind string
		Metadata         metadata
		Data             map[string]string
	}
	secret struct {
		APIVersion, Kind string
		Metadata         metadata
		Type             string
		StringData       map[string]string `yaml:"stringData"`
	}
	service struct {
		APIVersion, Kind string
		Metadata         metadata
		Spec             struct {
			Selector map[string]string
			Ports    []port
		}
	}
	disruptionBudget struct {
		APIVersion, Kind string
		Metadata         metadata
		Spec             struct {
			MaxUnavailable int `yaml:"maxUnavailable"`
			Selector       selector
		}
	}
	peer struct {
		PodSelector       *selector `yaml:"podSelector"`
		NamespaceSelector *selector `yaml:"namespaceSelector"`
	}
	networkPolicy struct {
		APIVersion, Kind string
		Metadata         metadata
		Spec             struct {
			PodSelector selector `yaml:"podSelector"`
			PolicyTypes []string `yaml:"policyTypes"`
			Ingress     []struct {
				From  []peer
				Ports []port
			}
			Egress []struct {
				To    []peer
				Ports []port
			}
		}
	}
	kustomization struct {
		APIVersion, Kind string
		Resources        []string
		Images           []struct {
			Name   string
			NewTag string `yaml:"newTag"`
		}
	}
)

// manifest decodes the documents of a manifest, which have one kind.
func manifest[T any](t *testing.T, name string) []T {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("kubernetes", name))
	require.NoError(t, err)
	// The two fields that all have are spelled apart from the names in Go.
	text := regexp.MustCompile(`(?m)^apiVersion:`).ReplaceAllString(string(raw), "apiversion:")
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.KnownFields(true)
	var all []T
	for {
		var one T
		switch err := decoder.Decode(&one); {
		case errors.Is(err, io.EOF):
			return all
		default:
			require.NoError(t, err, name)
			all = append(all, one)
		}
	}
}

func TestTheDeploymentRunsTheImage(t *testing.T) {
	t.Parallel()
	d := manifest[deployment](t, "deployment.yaml")[0]
	require.Equal(t, 2, d.Spec.Replicas)
	require.Equal(t, []int{1, 0}, []int{d.Spec.Strategy.RollingUpdate.MaxSurge, d.Spec.Strategy.RollingUpdate.MaxUnavailable})
	pod := d.Spec.Template.Spec
	require.Len(t, pod.Containers, 1)
	c := pod.Containers[0]

	image := manifest[kustomization](t, "kustomization.yaml")[0].Images[0]
	require.Equal(t, image.Name, c.Image)
	require.NotEmpty(t, image.NewTag)
	require.Equal(t, compose(t).Services["app"].Image, c.Image)

	require.Equal(t, []port{{Name: "http", ContainerPort: defaultPort(t), Protocol: "TCP"}}, c.Ports)
	for path, p := range map[string]probe{"/health/live": c.LivenessProbe, "/health/ready": c.ReadinessProbe} {
		require.Equal(t, "/v1"+path, p.HTTPGet.Path)
		require.Equal(t, "http", p.HTTPGet.Port)
		require.Contains(t, described(t), path)
		require.Positive(t, p.PeriodSeconds*p.TimeoutSeconds*p.FailureThreshold)
	}
	annotations := d.Spec.Template.Metadata.Annotations
	require.Equal(t, "/metrics", annotations["prometheus.io/path"])
	require.Equal(t, "3000", annotations["prometheus.io/port"])

	stopTime := regexp.MustCompile(`stopTime = (\d+) \* time\.Second`).FindStringSubmatch(read(t, "../app/app.go"))
	require.NotNil(t, stopTime)
	require.Equal(t, "9", stopTime[1], "see terminationGracePeriodSeconds")
	require.Greater(t, pod.TerminationGracePeriodSeconds, 9)
}

func TestTheDeploymentHasNoRights(t *testing.T) {
	t.Parallel()
	pod := manifest[deployment](t, "deployment.yaml")[0].Spec.Template.Spec
	require.False(t, *pod.AutomountServiceAccountToken)
	require.True(t, pod.SecurityContext.RunAsNonRoot)
	require.Equal(t, "RuntimeDefault", pod.SecurityContext.SeccompProfile.Type)
	user := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindStringSubmatch(read(t, "../Dockerfile"))
	require.NotNil(t, user)
	require.Equal(t, []string{"65532", "65532"}, user[1:])
	require.Equal(t, []int{65532, 65532}, []int{pod.SecurityContext.RunAsUser, pod.SecurityContext.RunAsGroup})
	security := pod.Containers[0].Security
	require.False(t, *security.AllowPrivilegeEscalation)
	require.True(t, security.ReadOnlyRootFilesystem)
	require.Equal(t, []string{"ALL"}, security.Capabilities.Drop)
	require.NotEmpty(t, pod.Containers[0].Resources.Requests["memory"])
	require.NotEmpty(t, pod.Containers[0].Resources.Limits["memory"])
}

func TestTheManifestsReferToEachOther(t *testing.T) {
	t.Parallel()
	d := manifest[deployment](t, "deployment.yaml")[0]
	labels := d.Spec.Template.Metadata.Labels
	policy := manifest[networkPolicy](t, "networkpolicy.yaml")[0]
	budget := manifest[disruptionBudget](t, "poddisruptionbudget.yaml")[0]
	front := manifest[service](t, "service.yaml")[0]
	for _, selected := range []map[string]string{
		d.Spec.Selector.MatchLabels, policy.Spec.PodSelector.MatchLabels, budget.Spec.Selector.MatchLabels, front.Spec.Selector,
		d.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels,
	} {
		require.Equal(t, labels, selected)
	}
	require.Equal(t, []port{{Name: "http", Port: defaultPort(t), TargetPort: "http", Protocol: "TCP"}}, front.Spec.Ports)
	require.Equal(t, defaultPort(t), policy.Spec.Ingress[0].Ports[0].Port)
	require.Equal(t, 1, budget.Spec.MaxUnavailable, "with two replicas one may go")

	sealed := manifest[secret](t, "secret.example.yaml")[0]
	maps := map[string]configMap{}
	for _, m := range manifest[configMap](t, "configmap.yaml") {
		maps[m.Metadata.Name] = m
	}
	c := d.Spec.Template.Spec.Containers[0]
	known := variables(t)
	for name := range maps[c.EnvFrom[0].ConfigMapRef.Name].Data {
		require.Contains(t, known, name)
	}
	mounted := map[string]string{}
	for _, m := range c.VolumeMounts {
		require.True(t, m.ReadOnly, m.Name)
		mounted[m.Name] = m.MountPath
	}
	for _, v := range c.Env {
		require.Contains(t, known, v.Name)
		if ref := v.ValueFrom.SecretKeyRef; ref.Name != "" {
			require.Equal(t, sealed.Metadata.Name, ref.Name)
			require.Contains(t, sealed.StringData, ref.Key)
			require.Equal(t, v.Name, ref.Key)
		} else if strings.HasPrefix(v.Value, "/") {
			require.True(t, strings.HasPrefix(v.Value, mounted["key"]+"/") || v.Value == mounted["certificates"], v.Value)
		}
	}
	for _, v := range d.Spec.Template.Spec.Volumes {
		require.Contains(t, mounted, v.Name)
		if v.Secret.SecretName != "" {
			require.Equal(t, sealed.Metadata.Name, v.Secret.SecretName)
			require.Contains(t, sealed.StringData, v.Secret.Items[0].Key)
			require.Equal(t, "/etc/ews/key/"+v.Secret.Items[0].Path, mounted[v.Name]+"/SECRET_KEY")
			require.Equal(t, 0o440, v.Secret.DefaultMode)
		} else {
			require.Contains(t, maps, v.ConfigMap.Name)
		}
	}
	for _, name := range manifest[kustomization](t, "kustomization.yaml")[0].Resources {
		require.FileExists(t, filepath.Join("kubernetes", name))
		require.NotContains(t, name, "example")
	}
}
