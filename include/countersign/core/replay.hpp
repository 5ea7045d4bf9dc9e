#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/decide.hpp"
#include "countersign/core/people.hpp"

// A replay says what another policy would have made of what happened. It is for people who change policies:
// nothing is decided here, and nothing changes.
namespace countersign::core {

// Collects who was in which group, as far as the record tells: each vote says where its voter was eligible.
// Nothing else is known offline of groups that are kept in a chat.
class GroupsSeen {
  public:
    void learn(const Case& stored);
    bool includes(const GroupId& group, const AccountId& account) const;
    bool anybody(const GroupId& group) const { return members_.contains(group); }

  private:
    std::map<GroupId, std::set<AccountId>> members_;
};

// Says how a request ended, whatever became of the grant later.
enum class Ending : std::uint8_t { approved, denied, refused, expired, cancelled, waiting };
std::string_view name_of(Ending ending);
// An approval stays one when it is claimed, fails or lapses.
Ending ending_of(State state);

struct Replayed {
    Applied applied;  // what the candidate's rules ask
    // Results from the same acts by the same accounts at the same moments. `waiting` means that they would
    // not have been enough, and that more people would have been asked.
    Ruling ruling;
    Ending before = Ending::waiting;
    Ending after = Ending::waiting;
    std::vector<GroupId> unseen;  // groups that it asks for and of whose members nothing is known
};

// Judges the stored case by the candidate, which knows its policy alone (people by name, no chats). Votes
// count where the candidate lists the account in the group, or the record saw it there; whoever was behind
// the request then still is. Fails (invalid_input) when the candidate's rules cannot be combined for it.
Result<Replayed> replay(const Case& stored, const Directory& candidate, const GroupsSeen& seen);

}  // namespace countersign::core
