#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/entry.hpp"

namespace countersign::core {

enum class State : std::uint8_t {
    pending,
    approved,
    denied,
    refused,
    expired,
    cancelled,
    claimed,
    succeeded,
    failed,
    lapsed
};
std::string_view name_of(State state);
std::optional<State> parse_state(std::string_view text);
std::span<const std::string_view> state_names();
inline bool open(State state) {
    return state == State::pending;
}
// Says whether no other state can ever follow: true for all but pending, approved and claimed.
bool final(State state);

// Describes a person's latest accepted vote.
struct VoteMark {
    PersonId person;
    AccountId account;
    Verdict verdict;  // approve or deny
    Surface via;
    Instant at;
    std::string reason;
    std::optional<GroupId> counted_for;        // the slot that it fills
    std::size_t entry;                         // index into the entries
    bool self_approval = false;                // cast by somebody behind the request, as the rules allow
    std::optional<SignIn> sign_in = {};        // of an approval that took one
    std::optional<PersonId> in_place_of = {};  // who is away, and whose slot it fills
    friend bool operator==(const VoteMark&, const VoteMark&) = default;
};
struct HoldMark {
    PersonId person;
    AccountId account;
    std::string reason;
    Instant at;
    friend bool operator==(const HoldMark&, const HoldMark&) = default;
};

// Says that somebody reviewed an approval of one's own request.
struct ReviewMark {
    PersonId person;
    AccountId account;
    Surface via;
    Instant at;
    std::string reason;
    std::vector<GroupId> groups;  // for which it counts
    friend bool operator==(const ReviewMark&, const ReviewMark&) = default;
};
// What others have to look at because somebody behind the request approved it. It opens with the decision and
// outlasts it.
struct Review {
    std::vector<GroupId> missing;  // somebody of each has yet to review it
    Instant due;
    bool overdue = false;  // that it is is on record
    std::vector<ReviewMark> given;
    bool open() const { return !missing.empty(); }
    friend bool operator==(const Review&, const Review&) = default;
};

struct Ruling {
    State state = State::pending;
    std::vector<VoteMark> votes;  // each person's latest vote, in log order
    std::vector<Slots> missing;   // unfilled slots of each alternative; empty unless pending
    std::optional<HoldMark> held;
    std::optional<Instant> decided_at;  // when the request left pending
    std::string reason;                 // the denier's, the canceller's or the policy's words
    std::optional<Instant> grant_ends;  // set while approved
    std::optional<Review> review = {};  // only where a self-approval counted and the rules ask for it
    friend bool operator==(const Ruling&, const Ruling&) = default;
};

// Says whether no entry can ever follow.
inline bool ended(const Ruling& ruling) {
    return final(ruling.state) && !(ruling.review && ruling.review->open());
}

// Works out what the entries mean. It is total and deterministic, and has no effects. Slots are assigned by
// maximum bipartite matching (the lexicographically first maximum one: slots in policy order, votes in log
// order); nobody behind the request ever counts; the first prefix that reaches a final outcome settles the
// matter.
Ruling decide(const Request& request, const Applied& applied, std::span<const Entry> entries);
inline Ruling decide(const Case& c) {
    return decide(c.request, c.applied, c.entries);
}

// Says when time next changes the case: the next reminder, the escalation or the expiry while pending, the
// grant's end while approved, the end of the time for a review; nullopt where it never will.
std::optional<Instant> due_at(const Case& c, const Ruling& ruling);

}  // namespace countersign::core
