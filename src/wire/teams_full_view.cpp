#include "countersign/wire/teams_full_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "wire/teams_blocks.hpp"

namespace countersign::wire {

namespace c = cards;
using core::CardLine;
using core::CardSection;
using core::CardView;

namespace {

constexpr std::size_t page_bytes = 18'000;
constexpr std::size_t piece_bytes = 3'000;  // of a long run: pieces follow one another line by line

// What is longer than a piece goes on in the next line; nothing is left out.
std::vector<CardLine> in_pieces(const CardLine& line) {
    std::vector<CardLine> lines{CardLine{}};
    for (const core::CardRun& run : line) {
        std::string_view rest = run.text;
        auto push = [&](std::string_view piece) {
            core::CardRun part = run;
            part.text = piece;
            part.chars_max = 0;
            lines.back().push_back(std::move(part));
            rest.remove_prefix(piece.size());
        };
        // Half an address would be another one.
        while (rest.size() > piece_bytes && run.kind != core::CardRun::Kind::address) {
            push(clip_utf8(rest, piece_bytes));
            lines.emplace_back();
        }
        push(rest);
    }
    return lines;
}

std::vector<c::Json> blocks_of(const CardView& card, const TeamsStyle& style) {
    std::vector<c::Json> blocks;
    bool whole = true;
    for (const CardSection& section : core::full_view_sections(card)) {
        if (!section.heading.empty()) blocks.push_back(c::heading(section.heading));
        for (const CardLine& line : section.lines)
            for (const CardLine& piece : in_pieces(line))
                for (c::Json& block : c::line(piece, style, {}, whole)) blocks.push_back(std::move(block));
        if (!section.note.empty()) blocks.push_back(c::said(section.note));
    }
    return blocks;
}

// Where each page begins; the number of blocks ends the list.
std::vector<std::size_t> page_starts(const std::vector<c::Json>& blocks) {
    std::vector<std::size_t> starts{0};
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        if (bytes + blocks[i].text.size() > page_bytes && bytes > 0) {
            starts.push_back(i);
            bytes = 0;
        }
        bytes += blocks[i].text.size() + 1;
    }
    starts.push_back(blocks.size());
    return starts;
}

}  // namespace

std::size_t teams_full_view_pages(const CardView& card, const TeamsStyle& style) {
    return page_starts(blocks_of(card, style)).size() - 1;
}

TeamsFullView teams_full_view(const CardView& card, const TeamsStyle& style, const TeamsPage& page) {
    const auto blocks = blocks_of(card, style);
    const auto starts = page_starts(blocks);
    const std::size_t pages = starts.size() - 1;
    const std::size_t number = std::min(page.number, pages - 1);
    c::Items body;
    for (std::size_t i = starts[number]; i < starts[number + 1]; ++i) body.push_back(blocks[i]);
    if (pages > 1) body.push_back(c::heading(fmt::format("Page {} of {}", number + 1, pages)));
    const std::string id = card.id.text();
    auto button = [&](std::string_view title, std::string_view act, std::size_t to) {
        c::Press press{.act = act,
                       .request = id,
                       .digest = card.digest,
                       .version = card.version,
                       .page = static_cast<std::int64_t>(to),
                       .pass = page.pass};
        return page.in_dialog ? c::submit(title, press, false) : c::execute(title, press);
    };
    const auto act = page.can_approve ? teams_read : teams_details;
    c::Items actions;
    if (number > 0) actions.push_back(button("Back", act, number - 1));
    if (number + 1 < pages) actions.push_back(button("Next", act, number + 1));
    if (number + 1 == pages && page.can_approve) actions.push_back(button("Approve", teams_approve, pages));
    if (!page.in_dialog) actions.push_back(button("Close", teams_view, 0));
    return {.card = c::card(std::move(body), std::move(actions), core::notification_text(card)),
            .pages = pages};
}

}  // namespace countersign::wire
