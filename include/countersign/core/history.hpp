#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/decide.hpp"

// What other requests have to say about one: budgets that were spent, who comes first, who approved last. A
// store locks what is kept under a few keys, brings it here, and writes down what is made of it; it knows no
// rule.
namespace countersign::core {

// Names what some requests have in common. Equal texts are one key; a store keeps a keyed hash of it.
struct HistoryKey {
    enum class Kind : std::uint8_t { budget, turns, last } kind = Kind::budget;
    std::string text;
    std::size_t term = 0;               // index into the rules' budgets or turns
    std::optional<GroupId> group = {};  // of kind `last`: whose slots
    friend bool operator==(const HistoryKey&, const HistoryKey&) = default;
};

// Says whether the rules ask about other requests at all.
bool asks_history(const Applied& applied);
// Says whether they look at the value at this JSON Pointer, at a part of it or at what it is part of.
bool counts_or_compares(const Applied& applied, std::string_view pointer);
// Returns the keys of a request, which follow from what it says and from who is behind it. Each once.
std::vector<HistoryKey> history_keys(const Request& request, const Applied& applied,
                                     const std::vector<PersonId>& behind);
// Returns those of them that tell who filled slots lately, where the rules ask for others.
std::vector<HistoryKey> last_keys(const Request& request, const Applied& applied);

// What is kept under one key.
struct HistoryRecord {
    // Requests that were let through, oldest first. Where they are too many, neighbours are taken together,
    // as if all of them were as young as the youngest.
    struct Use {
        Instant at;
        std::uint32_t count = 1;
        std::int64_t amount = 0;  // millionths
        friend bool operator==(const Use&, const Use&) = default;
    };
    std::vector<Use> uses = {};
    // Requests that take turns, in the order in which they were opened, as far as they had not ended when
    // this was last looked at.
    std::vector<RequestId> line = {};
    // Who filled slots of a group, by the names that History gives them, newest last.
    std::vector<std::vector<std::string>> last = {};
    friend bool operator==(const HistoryRecord&, const HistoryRecord&) = default;
};
inline constexpr std::size_t uses_kept_max = 512;
inline constexpr std::size_t line_max = 20;  // requests that wait for one another

// A request of some line, as it is now.
struct InLine {
    RequestId id;
    std::int64_t number = 0;  // 0: it cannot be read
    bool ended = false;
    bool claimed = false;  // it is being done, and nothing ends it but its outcome
};
// A request holds its place until it has ended or its time is up; once claimed until its outcome is reported,
// but no longer than claim_holds.
inline constexpr Duration claim_holds = std::chrono::hours{24};
InLine in_line(const Case& c, Instant now);

// Holds what was brought for one request. Empty, it knows of no other request: for rules that do not ask.
struct History {
    struct Past {
        HistoryKey key;
        HistoryRecord record;
    };
    std::vector<Past> past = {};
    std::vector<InLine> line = {};  // every request that stands in a line of `past`
    // What records call a person, who is not named in them.
    std::function<std::string(const PersonId&)> name_of = {};
};

// Why a request cannot go on now, though its rules would let it.
struct HeldBack {
    enum class Kind : std::uint8_t {
        budget,
        turn,       // others come first
        supersedes  // others are to end before it is opened
    } kind = Kind::budget;
    std::optional<Budget> budget = {};  // the one that is spent
    std::string sentence;               // which one, by how much, and when there is room again
    std::vector<RequestId> ahead = {};  // of `supersedes`: which
    friend bool operator==(const HeldBack&, const HeldBack&) = default;
};

// Says what keeps a request from being opened under these rules: a budget that is spent already, and, where
// nobody would be asked or those before it are to end, whoever comes first.
std::vector<HeldBack> held_back_at_opening(const Request& request, const Applied& applied, State state,
                                           const History& history, Instant now);
// Says what keeps it from being approved; nullopt: nothing.
std::optional<HeldBack> held_back(const Request& request, const Applied& applied, const History& history,
                                  Instant now);

// Returns the groups whose slots this person may not fill, because they did for one of the last requests.
std::vector<GroupId> filled_last(const Applied& applied, const History& history, const PersonId& person);

// Says in sentences what is recorded of the budgets of a request, and cannot be so; empty: nothing. What
// other requests had spent is no part of it, so whether there was room is not judged.
std::vector<std::string> contradictions(const Request& request, const Applied& applied, bool approved);

// Returns the records, beside those of `past`, as they are once the case is as `ruling` says: newly opened,
// or newly approved.
std::vector<HistoryRecord> after_opening(const Case& c, const Ruling& ruling, const History& history,
                                         Instant now);
std::vector<HistoryRecord> after_approval(const Case& c, const Ruling& ruling, const History& history,
                                          Instant now);

}  // namespace countersign::core
