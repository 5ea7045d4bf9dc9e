#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/adapters/policy.hpp"
#include "countersign/core/value.hpp"

namespace countersign::policy {

// One file's YAML as written: no anchors, aliases, tags or merge keys, positions kept.
struct Node {
    enum class Kind : std::uint8_t { null, scalar, list, map } kind = Kind::null;
    std::string text;    // of a scalar
    bool plain = false;  // a scalar without quotes: its form decides its type
    int line = 0;        // from 1
    int column = 0;
    std::vector<Node> keys;   // of a map, scalars; keys[i] belongs to items[i]
    std::vector<Node> items;  // of a list or map
};

struct Document {
    std::string file;
    Node root;
};

// Findings as they come up, up to a maximum.
class Findings {
  public:
    explicit Findings(std::vector<PolicyFinding>& all) : all_(all) {}
    void error(const std::string& file, int line, int column, std::string message) {
        add({file, line, column, PolicyFinding::Severity::error, std::move(message)});
        ++errors_;
    }
    void warning(PolicyFinding finding) { add(std::move(finding)); }
    std::size_t errors() const { return errors_; }

  private:
    void add(PolicyFinding finding) {
        if (all_.size() < policy_findings_max) return all_.push_back(std::move(finding));
        // An error is worth more than a warning; without one, nobody would know why nothing loads.
        auto least = std::ranges::find_if(
            all_, [](const PolicyFinding& one) { return one.severity != PolicyFinding::Severity::error; });
        if (finding.severity == PolicyFinding::Severity::error && least != all_.end())
            *least = std::move(finding);
    }
    std::vector<PolicyFinding>& all_;
    std::size_t errors_ = 0;
};

// false: findings say why.
bool read_yaml(std::string_view yaml, const std::string& file, Document& out, Findings& findings);

// A scalar by the YAML 1.2 core schema: `no` is text, 012 is 12, what is quoted is text. nullopt: a number
// that JSON cannot hold.
std::optional<core::Value> scalar_value(const Node& node);

}  // namespace countersign::policy
