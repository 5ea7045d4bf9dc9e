"""manifests/kubernetes: what kubectl makes of it holds together, and the program takes the configuration in it."""
import json
import os
import shutil
import subprocess
import unittest

import yaml

from process import ROOT, Program, TempFolder

FOLDER = ROOT / "manifests" / "kubernetes"
OVERLAYS = ["staging", "production"]


def rendered(overlay):
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)}


@unittest.skipUnless(shutil.which("kubectl"), "kubectl is not there")
class Rendered(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = {overlay: rendered(overlay) for overlay in OVERLAYS}

    def each(self):
        for overlay, objects in self.all.items():
            for key, found in objects.items():
                yield overlay, objects, key, found

    def pods(self):
        for overlay, objects, (kind, _), found in self.each():
            if kind in ("Deployment", "Job"):
                yield overlay, objects, found["spec"]["template"]

    def test_AllPartsAreThereInOneNamespace(self):
        for overlay, objects in self.all.items():
            self.assertEqual(sorted(kind for kind, _ in objects),
                             ["ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "PersistentVolumeClaim",
                              "PodDisruptionBudget", "Service", "ServiceAccount"])
            self.assertEqual(len({found["metadata"]["namespace"] for found in objects.values()}), 1, overlay)

    def test_WhatPodsMountIsThereOrASecretThatTheReadmeMakes(self):
        readme = (FOLDER / "README.md").read_text()
        for overlay, objects, template in self.pods():
            volumes = {each["name"]: each for each in template["spec"]["volumes"]}
            for container in template["spec"]["containers"]:
                self.assertLessEqual({each["name"] for each in container["volumeMounts"]}, set(volumes))
            for volume in volumes.values():
                if "configMap" in volume:
                    self.assertIn(("ConfigMap", volume["configMap"]["name"]), objects, overlay)
                elif "persistentVolumeClaim" in volume:
                    self.assertIn(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]), objects)
                else:
                    self.assertIn(f"secret generic {volume['secret']['secretName']} ", readme)

    def test_SelectorsFindThePods(self):
        for overlay, objects in self.all.items():
            labels = objects["Deployment", "countersign"]["spec"]["template"]["metadata"]["labels"]
            for kind in ("Deployment", "PodDisruptionBudget"):
                wanted = objects[kind, "countersign"]["spec"]["selector"]["matchLabels"]
                self.assertLessEqual(wanted.items(), labels.items(), overlay)
            self.assertLessEqual(objects["Service", "countersign"]["spec"]["selector"].items(), labels.items())
            job = objects["Job", "countersign-migrate"]["spec"]["template"]["metadata"]["labels"]
            chosen = objects["NetworkPolicy", "countersign"]["spec"]["podSelector"]["matchExpressions"][0]["values"]
            self.assertEqual({labels["app.kubernetes.io/name"], job["app.kubernetes.io/name"]}, set(chosen))

    def test_PodsMayDoNothingButTheirWork(self):
        for _, _, template in self.pods():
            self.assertIs(template["spec"]["automountServiceAccountToken"], False)
            self.assertIs(template["spec"]["securityContext"]["runAsNonRoot"], True)
            for container in template["spec"]["containers"]:
                may = container["securityContext"]
                self.assertEqual((may["readOnlyRootFilesystem"], may["allowPrivilegeEscalation"], may["capabilities"]),
                                 (True, False, {"drop": ["ALL"]}))

    def test_ProbesAskForPathsThatTheServerHas(self):
        paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
        for objects in self.all.values():
            container = objects["Deployment", "countersign"]["spec"]["template"]["spec"]["containers"][0]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                self.assertIn(container[probe]["httpGet"]["path"], paths)
            self.assertNotEqual(container["livenessProbe"]["httpGet"]["path"], "/readyz")  # a database away kills no pod

    def test_AutoscalingGoesNoLowerThanTheReplicasAndByAMetricThatIsTold(self):
        for objects in self.all.values():
            scaling = objects["HorizontalPodAutoscaler", "countersign"]["spec"]
            self.assertGreaterEqual(scaling["minReplicas"], objects["Deployment", "countersign"]["spec"]["replicas"])
            self.assertIn(scaling["metrics"][0]["pods"]["metric"]["name"], (ROOT / "docs" / "configuration.md").read_text())

    def test_ServeTakesTheConfiguration(self):
        folder = TempFolder()
        self.addCleanup(folder.remove)
        keys = Program(["keys", "create"], {"COUNTERSIGN_HOME": folder.path})
        self.assertEqual(keys.wait(), 0, keys.text())
        for name, text in (("database", "postgresql://db/countersign"), ("database-owner", "postgresql://db/countersign"),
                           ("slack-app-token", "xapp-1"), ("slack-bot-token", "xoxb-1")):
            os.chmod(folder.write(name, text), 0o600)
        for overlay, objects in self.all.items():
            data = next(found["data"] for (kind, _), found in objects.items() if kind == "ConfigMap")
            for name, text in data.items():
                text = text.replace("/run/secrets/countersign", folder.path).replace("/run/keys/countersign", folder.path + "/keys")
                file = folder.write(name, text.replace("/var/lib/countersign", folder.path))
                if name == "countersign.yaml":
                    config = file
            done = Program(["serve", "--check", "--config", config], {"COUNTERSIGN_HOME": folder.path})
            self.assertEqual(done.wait(), 0, (overlay, done.text()))


if __name__ == "__main__":
    unittest.main()
