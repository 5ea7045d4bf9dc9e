#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/core/surface.hpp"

// What is looked at before a server is trusted with production: `countersign doctor`.
namespace countersign::app {

struct Check {
    std::string name;  // stable, by part: "slack.scopes"
    enum class State : std::uint8_t {
        ok,
        warning,  // it works, but not as it should in production
        failed,
        skipped,  // could not be looked at, or there is nothing to look at
    } state = State::ok;
    std::string detail;    // what was found
    std::string fix = {};  // what to do about it; empty where nothing is to be done
    // A name that the policy or the settings give, as they write it, and what is wrong with it.
    struct Wrong {
        std::string name;
        std::string what;
    };
    std::vector<Wrong> wrong = {};  // of a check of names: each one that cannot be used
};
using Checks = std::vector<Check>;
std::string_view name_of(Check::State state);

// Lists the channels, groups and people of one chat that a policy or the settings name, each once.
struct ChatNames {
    std::vector<std::string> channels;
    std::vector<std::string> groups;                          // ids, with their workspace where it is given
    std::vector<std::pair<std::string, std::string>> people;  // their name, and their account's id there
};
ChatNames names_in(const core::Policy& policy, core::Surface chat, const std::string& default_channel);

// Who of the policy's groups has no account in any of these chats, and so cannot vote there.
Checks check_approvers(const core::Policy& policy, const std::vector<core::Surface>& chats);

// Who is on call for a group of the policy, and has no account in any of these chats (or none at all in
// `people`), and so cannot vote there. Nothing where no group is of whoever is on call.
struct OnCallKnown {
    bool asked = false;                       // the settings have a token for the service
    const core::Workspace* people = nullptr;  // what it said; nullptr: nothing
    std::string problem = {};                 // why it said nothing lately; empty: it did
};
Checks check_on_call(const core::Policy& policy, const OnCallKnown& known,
                     const std::vector<core::Surface>& chats);
// Rules that ask whoever approves to sign in, without a provider to do so at. Nothing where no rule asks.
Checks check_sign_in(const core::Policy& policy, bool provider);
// What is wrong with these in one line; empty: nothing.
std::string problem_of(const Checks& checks);

}  // namespace countersign::app
