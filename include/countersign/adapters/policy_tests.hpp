#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/rehearsal.hpp"

// Tests that live beside a policy, under `tests:`. They run on the policy alone: no server, no chat, no
// clock.
namespace countersign {

struct PolicyFinding;

inline constexpr std::size_t policy_tests_max = 2'000;       // of one policy
inline constexpr std::size_t policy_test_votes_max = 1'000;  // of one test

// A request as a policy's test or a file for `explain` words it: the members of the API's, and `requester`
// and `at`, the moment it is asked.
struct WordedRequest {
    core::Request request;
    std::optional<core::Duration> expires_in;
    std::vector<std::string> sensitive;
    bool filed = false;  // it was read from the API's document of a filed request
};
// When no `at` is said: a Monday, noon in UTC.
core::Instant usual_moment();
// Also a request as the API shows it, of which only what was asked counts. `at`: the moment, when the body
// says none. invalid_input with a pointer to what is wrong.
Result<WordedRequest> worded_request(core::Value body, core::Instant at = usual_moment());

struct PolicyTest {
    struct Vote {
        std::string by;  // as written
        core::AccountId account;
        core::Verdict verdict = core::Verdict::approve;
        std::string reason;
        core::Duration after{};              // since the request was asked
        std::optional<std::string> refused;  // the code with which it must be refused
        std::string resource = {};           // typed for the resource's name
        bool sign_in = false;                // with the first account that the policy lists for that
    };
    // What came before the request; nothing, where a test does not say.
    struct Before {
        std::vector<std::string> spent;  // rules whose budgets have no room left
        bool ahead = false;              // another request of the same line has not ended
        std::map<std::string, std::vector<core::AccountId>> last;  // by group: who filled its slots last
    };
    struct Lack {
        std::string group;
        std::uint32_t count = 1;
        std::optional<std::vector<std::string>> could_approve;  // sorted; nullopt: whoever
    };
    struct Expected {  // what is not said is not looked at
        std::optional<core::State> state;
        std::optional<std::vector<std::string>> rules;
        std::optional<std::vector<std::string>>
            shadow;  // rules on trial that match, sorted; none: no such rule
        std::optional<std::vector<std::vector<Lack>>> missing;  // alternatives; none: nothing is missing
        std::optional<std::string> reason;                      // `*` stands for any text
        std::optional<std::string> held;                        // by whom; empty: not held
        std::map<std::string, std::string> counted;             // person to group
        std::optional<std::int64_t> risk;
        std::optional<core::Duration> expires;
        std::optional<core::Duration> grant;
        std::optional<core::Duration> after;             // looked at so long after it was asked
        std::optional<std::int64_t> reminded;            // how often
        std::optional<std::vector<std::string>> hidden;  // which of `sensitive` it may keep to itself, sorted
        std::optional<std::vector<std::string>> escalated;  // to which channels, sorted; none: not at all
    };
    std::string file;
    int line = 0;
    std::string name;
    WordedRequest worded;
    core::Assumed assumed;
    Before before;
    std::vector<Vote> votes;
    Expected expected;
};

// Every test beside a policy that has loaded; what is wrong with them becomes findings.
Result<std::vector<PolicyTest>> load_policy_tests(const std::string& file_or_folder,
                                                  const core::Policy& policy,
                                                  std::vector<PolicyFinding>& findings);

// The same from memory; `file` is what findings call it.
Result<std::vector<PolicyTest>> read_policy_tests(std::string_view yaml, const std::string& file,
                                                  const core::Policy& policy,
                                                  std::vector<PolicyFinding>& findings);

struct PolicyTestResult {
    std::vector<std::string> differences;  // "state: expected approved, got pending"; none: it passed
    std::vector<std::string> story;        // what happened, line by line
};
PolicyTestResult run_policy_test(const core::Policy& policy, const PolicyTest& test);

// "2 of security and 1 of dba, or 1 of cto"; "nothing"
std::string missing_text(const std::vector<std::vector<core::Lack>>& alternatives);
std::string slots_text(const std::vector<core::Slots>& alternatives);

}  // namespace countersign
