#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "countersign/core/advance.hpp"

namespace countersign::core {

// A person as a card names them: by mention where the viewing chat knows an account, else by name.
struct Who {
    std::string name;                  // hostile text as far as a renderer is concerned
    std::optional<AccountId> account;  // an account on the surface the card is for
    friend bool operator==(const Who&, const Who&) = default;
};

struct CardVote {
    Who who;
    Verdict verdict;
    Surface via;
    Instant at;
    std::string reason;
    std::optional<std::string> counted_for;
    bool self_approval = false;                   // of their own request, as the policy allows
    std::optional<Duration> after_card = {};      // so long after its card was there
    bool signed_in = false;                       // for this approval, at the OpenID provider
    std::optional<std::string> in_place_of = {};  // the name of who is away, and whose place it fills
};
struct CardObjection {
    std::string group;
    std::uint32_t count = 1;  // so many people must deny
    std::uint32_t given = 0;  // so many do
};
struct CardLack {
    std::string group;
    std::uint32_t count = 1;
    std::vector<Who> could_approve;
    std::size_t more = 0;  // so many further people could too
    bool later = false;    // others come first: nobody is asked for these yet
};
// An escalation that lets more people approve.
struct CardWidening {
    std::vector<std::string> groups;  // who is in all of them
    Instant from;
    bool on = false;  // it is on record
};
// The rules may ask for more than that slots are filled; a card tells that as well.
struct CardTerms {
    std::optional<CardWidening> widening;  // while pending
    // While pending: whose approvals do not count though they do not ask. They are named and not mentioned.
    std::vector<Who> excluded;
    bool reason_required = false;  // while pending: of every approval
    // While pending: what other requests have a part in.
    std::vector<Budget> budgets = {};           // that it counts toward once it is approved
    std::vector<std::string> over_budget = {};  // rules beyond whose budgets it is
    std::vector<Turns> turns = {};
    std::vector<CountOf> not_last = {};  // slots that nobody fills who filled one lately
    std::optional<Instant> claim_from;   // an approval is of no use before
    std::vector<Span> claim_closed;      // nor meanwhile: those that it could meet, in order
};
// The last request of the same action and resource that was approved, to compare with.
struct CardBefore {
    Who approved_by;  // an empty name: the policy
    Instant at;
    std::shared_ptr<const Value> parameters;  // nullptr: it had none
    std::optional<std::string> environment = std::nullopt;
    std::int64_t number = 0;
};

// An approval beforehand, which whatever fits the request uses up.
struct CardSession {
    Duration lasts{};
    std::uint32_t uses = 0;  // the most there can be
    std::uint32_t used = 0;
};
// Somebody behind the request approved it, so that others look at it afterwards: who has, and who has yet to.
struct CardReview {
    struct Missing {
        std::string group;
        std::vector<Who> could_review;
        std::size_t more = 0;  // so many further people could too
    };
    struct Given {
        Who who;
        std::vector<std::string> groups;
        Instant at;
        std::string reason;
    };
    std::vector<Missing> missing;
    std::vector<Given> given;
    Instant due;
    bool overdue = false;
    bool open() const { return !missing.empty(); }
};
// A request that took this one's place, or the one whose place this one took.
struct CardNarrowed {
    Who by;
    std::string what;         // "rows 1000 instead of 50000"; hostile
    std::int64_t number = 0;  // 0: not known
};

// What a card says, without knowing any chat. Every text in it that came from a request or a person is
// hostile; renderers show it inertly.
struct CardView {
    RequestId id{RequestId::Bytes{}};
    std::int64_t number = 0;
    std::int32_t version = 0;
    State state = State::pending;
    std::string action;
    std::optional<std::string> resource;
    std::optional<std::string> environment;
    std::string intent;
    Who requester;  // a program by its name, a person as everywhere
    bool requester_is_program = true;
    std::string run;                // which run of a program asks, in its issuer's words; empty: not known
    std::vector<Who> acts_for;      // people who are proven to be behind a program
    std::vector<Who> on_behalf_of;  // people whom the caller names; nothing proves it, so nobody is mentioned
    bool no_human_named = false;    // "names no human": reviewers should know
    std::shared_ptr<const Value> parameters;  // an object; nullptr: there are none
    std::size_t hidden = 0;                   // how many values of them nobody is shown
    std::optional<CardBefore> before;
    std::vector<std::pair<std::string, std::string>> labels;
    std::vector<Link> links;
    std::string digest;  // in full; cards show the first 12 hex digits
    std::vector<std::string> rules;
    std::optional<Shadow> shadow = {};           // what rules on trial would have asked
    std::optional<std::uint32_t> risk;           // points
    std::vector<RiskPart> risk_parts;            // what they are made of
    std::vector<std::vector<CardLack>> missing;  // alternatives of unfilled slots; an empty one is filled
    CardTerms terms;
    bool one_denial_ends = true;            // by anybody who could approve; else only these do:
    std::vector<CardObjection> objections;  // while pending; whichever comes first ends it
    bool step_up = false;                   // whoever approves signs in for it
    std::vector<Lowerable> lowerable = {};  // while pending: what a voter may lower
    std::optional<CardSession> session = {};
    std::optional<CardReview> review = {};
    std::optional<CardNarrowed> narrowed_from = {};
    std::optional<CardNarrowed> narrowed_into = {};
    bool by_session = false;      // approved beforehand, with a session
    bool revoked = false;         // a session that an approver took back
    bool resource_typed = false;  // whoever approves types the resource's name
    std::vector<CardVote> votes;
    std::optional<CardVote> held;        // verdict hold
    std::vector<std::string> releasers;  // beside the holder, whoever is in all of these groups may release
    Instant created_at;
    Instant expires_at;
    std::optional<Instant> grant_ends;  // while approved: until when the approval can be used
    std::optional<Instant> decided_at;
    std::optional<Instant> claimed_at;
    std::optional<Instant> ended_at;  // when the outcome was reported, or the approval lapsed
    std::optional<Who> decided_by;    // the last person whose act settled it, where one did
    std::string reason;
    std::optional<std::string> outcome_detail;  // what the action reported
    bool words_erased = false;                  // what people wrote, and who they are, is not known any more
    // While pending: who is to be told in person, and is not before then, because it is night where they are.
    std::vector<std::pair<Who, Instant>> told_later = {};
    std::string receipt = {};  // where the decision and its proof are shown; empty: nowhere
    bool buttons() const { return state == State::pending; }
};

CardView card(const Case& c, const Ruling& ruling, const Directory& directory, Surface surface);
CardTerms card_terms(const Case& c, const Ruling& ruling, const Directory& directory, Surface surface);
// What to compare a request with, of one that was approved before it.
CardBefore card_before(const Case& approved, const Ruling& ruling, const Directory& directory,
                       Surface surface);

// One line for the card's thread about entry `index`: "amy approved for security: looks right".
struct ThreadLine {
    Who who;                     // empty name: nobody (time, policy)
    std::string text;            // the rest of the sentence, hostile; empty: there is nothing to say any more
    std::vector<Who> asks = {};  // people to be called by mentions after it, at most asked_max
    std::string decision = {};   // ours: what the request came to by it, below the sentence; empty: nothing
    std::int64_t about = 0;      // number of the request where several share the thread; 0: it has one alone
};
inline constexpr std::size_t asked_max = 10;
// `c` may have gone on since that entry: a reminder asks for what is missing now. `now`: for how much time is
// left.
ThreadLine thread_line(const Case& c, std::size_t index, const Directory& directory, Surface surface,
                       Instant now = {});
// Says whether the thread of a card tells of such an entry at all.
bool has_thread_line(const Entry& entry);

}  // namespace countersign::core
