#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/advance.hpp"

// A rehearsal plays a request through without any chat, store or clock, for tests of policies, explanations
// and replays.
namespace countersign::core {

// Says what to assume about people where no chat can be asked.
struct Assumed {
    struct Group {
        GroupId name;
        std::vector<std::string> members;  // persons of the policy, accounts, or bare chat ids
    };
    std::vector<Group> groups;  // those that the policy leaves to a chat; others stay unknown
    // Whom a chat names as somebody's manager, as members are named; of others it names none.
    std::vector<std::pair<PersonId, std::string>> managers = {};
    std::vector<AccountId> accounts;  // further ones beside the policy's, as full members
    std::vector<std::pair<AccountId, AccountClass>> classes;  // accounts that are not full members
};

// Makes a directory in which the policy's accounts, and those assumed, are members of connected workspaces,
// known as of `as_of`. A bare id is that id in whichever workspace the policy lists it, else in the only one
// there is. Persons assumed to be in a chat's group have an account there, also where the policy lists none.
Directory assumed_directory(const Policy& policy, const Assumed& assumed, Instant as_of);

// Resolves a text that names a person of the policy, an account, or a bare chat id ("U0AMY", an Entra object
// id); nullopt where it names none of these.
std::optional<AccountId> account_meant(const Policy& policy, std::string_view text);

// Plays one case. Commands take effect as in the running service, by `advance` alone.
class Rehearsal {
  public:
    // Sets `request.expires_at` from the rules that apply.
    Rehearsal(Request request, Applied applied, const Directory& directory, History history = {});
    // Appends whatever the command leads to; facts about people count as fresh.
    const Step& act(const Command& command, Instant at);
    const Case& now() const { return case_; }
    Ruling ruling() const { return decide(case_); }
    const Directory& directory() const { return directory_; }

  private:
    const Directory& directory_;
    const std::shared_ptr<const History> history_;
    Case case_;
    Step last_;
};

}  // namespace countersign::core
