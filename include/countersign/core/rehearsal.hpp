#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/advance.hpp"

// A request played through without any chat, store or clock: for tests of policies, explanations and replays.
namespace countersign::core {

// What is taken for granted about people where no chat can be asked.
struct Assumed {
    struct Group {
        GroupId name;
        std::vector<std::string> members;  // persons of the policy, accounts, or bare chat ids
    };
    std::vector<Group> groups;        // of those the policy leaves to a chat; the others stay unknown
    std::vector<AccountId> accounts;  // that exist beside the policy's, as full members
    std::vector<std::pair<AccountId, AccountClass>> classes;  // of accounts that are something else
};

// A directory in which the policy's accounts, and those assumed, are members of connected workspaces, known
// as of `as_of`. A bare id is that id in whichever workspace the policy lists it, else in the only one there
// is. Persons assumed to be in a chat's group have an account there, also where the policy lists none.
Directory assumed_directory(const Policy& policy, const Assumed& assumed, Instant as_of);

// The account that a text means: a person of the policy, an account, or a bare chat id ("U0AMY", an Entra
// object id). nullopt: none of these.
std::optional<AccountId> account_meant(const Policy& policy, std::string_view text);

// One case under way. Commands take effect as in the real thing, by `advance` alone.
class Rehearsal {
  public:
    // `request.expires_at` is set from the rules that apply.
    Rehearsal(Request request, Applied applied, const Directory& directory);
    // Appends whatever the command leads to; facts about people count as fresh.
    const Step& act(const Command& command, Instant at);
    const Case& now() const { return case_; }
    Ruling ruling() const { return decide(case_); }
    const Directory& directory() const { return directory_; }

  private:
    const Directory& directory_;
    Case case_;
    Step last_;
};

}  // namespace countersign::core
