#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/card.hpp"

// These sections put a card into words, once for every chat: a chat draws them in its own way, and adds
// nothing of its own but what it had to cut.
namespace countersign::core {

// This is a run of text. Whatever can be seen in it stands in its place, and nothing else does: all but
// addresses was made visible. Chats draw literals and prose inertly: nothing in them mentions, links or
// formats.
struct CardRun {
    enum class Kind : std::uint8_t {
        words,    // ours
        strong,   // ours, set off
        quiet,    // ours, in passing
        literal,  // a name, an id, a value
        prose,    // what somebody wrote to be read
        people,   // each by mention where the chat can, else by name; parted by commas
        moment,   // `at`, in the reader's own time
        address   // a URL as it was given, clickable only where the settings allow it
    };
    Kind kind = Kind::words;
    std::string text = {};
    std::size_t chars_max = 0;  // a card shows no more of it than this; 0: all
    std::vector<Who> people = {};
    Instant at = {};
};
using CardLine = std::vector<CardRun>;

struct CardSection {
    enum class Part : std::uint8_t {
        headline,
        what,    // action, resource, environment: cut, the card does not show everything
        who,     // who asks, for whom, until when
        state,   // while pending what is missing; after the end by whom and when
        votes,   // with reasons
        intent,  // in the requester's words: cut, the card does not show everything
        labels,
        links,
        parameters,  // one a line: cut, the card does not show everything
        footer
    };
    Part part;
    std::string heading = {};  // empty: none
    std::vector<CardLine> lines = {};
    std::size_t lines_max = 0;  // a card shows no more of them than this; 0: all
    std::string note = {};      // below the lines; empty: none
};

// In the order in which a card shows them; sections with nothing to say are left out.
std::vector<CardSection> card_sections(const CardView& card);
// The same request in full, for a view that has room: headline and footer are part of `what`.
std::vector<CardSection> full_view_sections(const CardView& card);

std::string_view state_text(const CardView& card);  // "Approval needed", "Denied", …
// For notifications and screen readers; words of ours only.
std::string notification_text(const CardView& card);
// Writes "rows = 120000". A name that could pass for something else stands in quotes, as JSON. Parameters
// that are an empty object are one without a name.
std::string parameter_text(const CardParameter& parameter);

// This is what a list says of one request.
struct CardSummary {
    RequestId id;
    std::int64_t number = 0;
    std::string line;    // what is asked for; hostile
    std::string detail;  // how it stands; hostile
};
CardSummary card_summary(const Case& c, const Ruling& ruling);

// What to tell a person whose vote was recorded.
std::string recorded_sentence(Verdict verdict, const Case& c, const Ruling& ruling);

}  // namespace countersign::core
