#include "countersign/wire/teams_full_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "wire/links.hpp"
#include "wire/teams_blocks.hpp"

namespace countersign::wire {

namespace c = cards;
using core::CardLine;
using core::CardSection;
using core::CardView;

namespace {

constexpr std::size_t page_bytes = 18'000;
constexpr std::size_t changing_bytes = 6'000;  // on the last page, beyond those
constexpr std::size_t piece_bytes = 3'000;     // of a long run: pieces follow one another line by line

// What is longer than a piece goes on in the next line; nothing is left out.
std::vector<CardLine> in_pieces(const CardLine& line) {
    std::vector<CardLine> lines{CardLine{}};
    for (const core::CardRun& run : line) {
        std::string_view rest = run.text;
        auto push = [&](std::string_view piece) {
            core::CardRun part = run;
            part.text = piece;
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

// Votes and what is missing. All else never changes, so that a request has the same pages however often it is
// read.
bool changes_later(const CardSection& section) {
    return section.part == CardSection::Part::votes || section.part == CardSection::Part::takes;
}

// An address that does not open is set off from its title.
CardLine address_set_off(CardLine line, const TeamsStyle& style) {
    if (line.empty() || line.back().kind != core::CardRun::Kind::address) return line;
    if (may_link(line.back().text, style.link_hosts)) return line;
    line.insert(line.end() - 1, core::CardRun{.kind = core::CardRun::Kind::strong, .text = "\naddress "});
    return line;
}

std::vector<c::Json> blocks_of(const CardSection& section, const TeamsStyle& style) {
    std::vector<c::Json> blocks;
    auto add = [&](std::vector<c::Json> more) {
        for (c::Json& block : more) blocks.push_back(std::move(block));
    };
    if (!section.heading.empty()) blocks.push_back(c::heading(section.heading));
    for (const CardLine& line : section.lines)
        for (const CardLine& piece : in_pieces(address_set_off(line, style)))
            add(c::line(piece, style, section.part != CardSection::Part::intent));
    add(c::fixed_width(section.raw));
    if (!section.note.empty()) blocks.push_back(c::said(section.note));
    return blocks;
}

std::vector<c::Json> blocks_asked_for(const std::vector<CardSection>& sections, const TeamsStyle& style) {
    std::vector<c::Json> blocks;
    for (const CardSection& section : sections)
        if (!changes_later(section))
            for (c::Json& block : blocks_of(section, style)) blocks.push_back(std::move(block));
    return blocks;
}

// Stands at the end of the last page, as far as that has room.
void add_what_changes(c::Items& body, const std::vector<CardSection>& sections, const TeamsStyle& style) {
    std::size_t room = changing_bytes;
    std::size_t left_out = 0;
    for (const CardSection& section : sections) {
        if (!changes_later(section)) continue;
        for (const c::Json& block : blocks_of(section, style)) {
            if (left_out > 0 || block.text.size() + 1 > room) {
                ++left_out;
                continue;
            }
            room -= block.text.size() + 1;
            body.push_back(block);
        }
    }
    if (left_out > 0) body.push_back(c::said(fmt::format("and {} more lines about votes", left_out)));
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
    return page_starts(blocks_asked_for(core::full_view_sections(card), style)).size() - 1;
}

TeamsFullView teams_full_view(const CardView& card, const TeamsStyle& style, const TeamsPage& page) {
    const auto sections = core::full_view_sections(card);
    const auto blocks = blocks_asked_for(sections, style);
    const auto starts = page_starts(blocks);
    const std::size_t pages = starts.size() - 1;
    const std::size_t number = std::min(page.number, pages - 1);
    c::Items body;
    for (std::size_t i = starts[number]; i < starts[number + 1]; ++i) body.push_back(blocks[i]);
    if (number + 1 == pages) add_what_changes(body, sections, style);
    if (pages > 1) body.push_back(c::heading(fmt::format("Page {} of {}", number + 1, pages)));
    const std::string id = card.id.text();
    auto button = [&](std::string_view title, std::string_view act, std::size_t to, std::string_view pass) {
        c::Press press{.act = act,
                       .request = id,
                       .digest = card.digest,
                       .version = card.version,
                       .page = static_cast<std::int64_t>(to),
                       .pass = pass};
        return page.in_dialog ? c::submit(title, press, false) : c::execute(title, press);
    };
    const auto act = page.can_approve ? teams_read : teams_details;
    c::Items actions;
    if (number > 0) actions.push_back(button("Back", act, number - 1, page.pass));
    if (number + 1 < pages) actions.push_back(button("Next", act, number + 1, page.pass));
    const bool last = number + 1 == pages;
    if (page.can_approve && (last || !page.read_pass.empty()))
        actions.push_back(button("Approve", teams_approve, pages, last ? page.pass : page.read_pass));
    if (!page.in_dialog) actions.push_back(button("Close", teams_view, 0, page.pass));
    const auto words = fmt::format("Request #{}: {}", card.number, core::state_text(card));
    return {.card = c::card(std::move(body), std::move(actions), words), .pages = pages};
}

}  // namespace countersign::wire
