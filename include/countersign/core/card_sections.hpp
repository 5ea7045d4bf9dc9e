#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/card.hpp"
#include "countersign/core/card_button.hpp"
#include "countersign/core/card_summary.hpp"

// These sections put a card into words, once for every chat, the inbox and a terminal: each draws them in its
// own way, and adds nothing of its own. What a card has no room for is left out here, so that all show the
// same.
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
        address,  // a URL as it was given, clickable only where the settings allow it
        link      // ours: `text`, which opens `url`
    };
    Kind kind = Kind::words;
    std::string text = {};
    std::vector<Who> people = {};
    Instant at = {};
    std::string url = {};  // of our own server
};
using CardLine = std::vector<CardRun>;

struct CardSection {
    enum class Part : std::uint8_t {
        headline,  // one line, to be set off as such
        intent,    // the requester's words, to be set off as a quotation
        who,       // who asks, for whom, from where
        what,      // what is asked for
        takes,     // while pending: what is missing, who can give it, until when
        votes,     // what people said with their votes
        outcome,   // after the end: by whom, when, why, and what happened then
        labels,
        links,
        parameters,  // one a line
        footer
    };
    Part part;
    std::string heading = {};  // ours; empty: none
    std::vector<CardLine> lines = {};
    // Drawn below the lines in a fixed width, exactly as it is, line ends included; empty: nothing. The lines
    // say what it is and how long.
    std::string raw = {};
    std::string note = {};  // ours, below it all; empty: none
};

struct CardText {
    std::vector<CardSection> sections;  // in order; those with nothing to say are left out
    bool whole = true;                  // all that is asked for stands there, unshortened
};
// Bounded whatever is asked for: about one and a half screens of a phone.
CardText card_text(const CardView& card);
// Returns the sections of a card with nothing cut, for a reader who scrolls, as in a terminal.
std::vector<CardSection> uncut_card(const CardView& card);
// The same request in full, for a view that has room: headline and footer are part of `what`. What can still
// change comes last: `votes`.
std::vector<CardSection> full_view_sections(const CardView& card);

// The buttons below a card, in order; none after the end, but for a session that can be revoked and for what
// is to be reviewed.
std::vector<CardButton> card_buttons(const CardView& card);

std::string_view state_text(const CardView& card);  // "Approval needed", "Denied", …
// "db.export → production", for headlines and dialogs.
std::string headline_text(const CardView& card);
// One sentence that says it all, for notifications and screen readers; hostile as far as a renderer is
// concerned.
std::string notification_text(const CardView& card);
std::string thread_line_text(const ThreadLine& line);
// Writes a parameter's name. One that could pass for something else stands in quotes, as JSON.
std::string parameter_name(const std::string& path);

}  // namespace countersign::core
