#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/explain.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"
#include "countersign/core/zone.hpp"

namespace countersign::core {

// Answers what conditions may ask about one request.
class Facts {
  public:
    Facts(const Directory& directory, const Request& request, Instant now)
        : directory_(directory), request_(request), now_(now) {}

    const Request& request() const { return request_; }
    // Holds the risk's points, and nothing while they are still being added up.
    std::optional<std::uint32_t> risk;
    // How many humans are behind the request: of all who are named, or of those who are proven.
    std::size_t humans(bool proven) const;
    // Says whether every proven human is somebody whom their chat knows or was not asked about.
    bool all_there() const;
    struct Clock {
        LocalTime time;
        std::string date;    // "2026-12-24"
        std::string of_day;  // "22:30"
    };
    const Clock& clock(const Zone* zone) const;
    Instant now() const { return now_; }
    // Returns the policy's groups in which any of the humans is, or for all we know may be.
    std::vector<GroupId> groups_of_humans() const;
    bool is_group(const GroupId& group) const;
    // Says whether the one group is made of the other.
    bool is_part(const GroupId& part, const GroupId& of, std::size_t depth = 0) const;
    // Says whether one of the humans is in the group: by the account that asks, or by any account of theirs.
    Membership in_group(const AccountId& human, const GroupId& group, bool by_any) const;
    // Names of the persons behind the request: of all who are named, or of those who are proven.
    const std::vector<std::string>& people(bool proven) const;

  private:
    const Directory& directory_;
    const Request& request_;
    Instant now_;
    // Both are worked out when a condition first asks.
    mutable std::optional<std::pair<const Zone*, Clock>> clock_;
    mutable std::optional<std::vector<std::string>> named_;
    mutable std::optional<std::vector<std::string>> proven_;
};

// How a condition is judged. A missing field fails its test; within `not` that makes a refuse, a require or a
// risk apply and an allow not. A present field of the wrong type leaves the outcome open: a refuse, a require
// or a risk then applies, an allow does not. An allow knows of the humans behind a request only what is
// proven: all of those have to fit.
struct Judge {
    const Facts& facts;
    const Zone* zone = nullptr;      // nullptr: UTC
    bool tightens = true;            // what the condition belongs to
    const Value* element = nullptr;  // of a list, that an inner condition is about

    Truth truth(const Condition& condition) const;
    bool applies(const Condition& condition) const { return applies(truth(condition)); }
    bool applies(Truth outcome) const {
        return outcome == Truth::yes || (tightens && outcome == Truth::unknown);
    }
    // Calls `see` with everything a field leads to, and with nullopt where the path leads through a value
    // that has no such parts.
    void each_value(std::string_view field, const std::function<void(std::optional<Value>)>& see) const;
};

Judge judge_of(const Rule& rule, const Facts& facts);
// Judges a rule's `unless`: an exception from a rule that tightens loosens, and the other way round.
Judge judge_of_exception(const Rule& rule, const Facts& facts);
bool applies(const Rule& rule, const Facts& facts);
Judge judge_of(const RiskEntry& entry, const Facts& facts);

// Lists the entries of the policy's risk table that apply, most points first.
std::vector<const RiskEntry*> risks_of(const Policy& policy, const Facts& facts);
std::uint32_t points_of(const std::vector<const RiskEntry*>& entries);
// Says in few words what an entry looks at: the value it wants, else the field's last name.
std::string name_of(const RiskEntry& entry);

}  // namespace countersign::core
