#include "countersign/wire/slack_lists.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "wire/slack_blocks.hpp"

namespace countersign::wire {

namespace b = blocks;

namespace {

constexpr std::size_t row_units_max = 240;  // of each line of a row

std::string inert_line(std::string_view text) {
    auto shown = b::cut(printable(text), row_units_max).text;
    return trim(shown).empty() ? std::string{"…"} : shown;
}

// One request: what is asked for, how it stands, what was said of it, and where its card is.
b::Json row_text(const app::ListedRequest& row, const SlackStyle& style) {
    b::Items words(b::bold(fmt::format("#{}", row.summary.number)),
                   b::text("  " + inert_line(row.summary.line)));
    if (!row.summary.detail.empty()) words.push_back(b::text("\n" + inert_line(row.summary.detail)));
    if (!row.votes.empty()) words.push_back(b::text("\n" + inert_line(row.votes)));
    auto link = row.card ? slack_permalink(*row.card, style) : std::string{};
    if (!link.empty()) {
        words.push_back(b::text("\n"));
        words.push_back(b::link(link, "card"));
    }
    return b::rich_text(fmt::format("row.{}", row.summary.id.text()),
                        b::Items(b::rich_section(std::move(words))));
}

// Approve opens the full view: a row does not say all that is asked for.
b::Json row_buttons(const app::ListedRequest& row) {
    const auto value = row.summary.id.text();
    b::Items buttons;
    if (row.can_vote) {
        buttons.push_back(b::button(slack_approve, "Approve", value, "primary"));
        buttons.push_back(b::button(slack_deny, "Deny", value, "danger"));
    }
    if (row.can_review) buttons.push_back(b::button(slack_review, "Review", value, "primary"));
    buttons.push_back(b::button(slack_details, "Details", value));
    return b::actions(fmt::format("act.{}.row.full", value), std::move(buttons));
}

void push_rows(b::Items& to, const app::RequestList& list, const SlackStyle& style) {
    for (const app::ListedRequest& row : list.items) {
        to.push_back(row_text(row, style));
        to.push_back(row_buttons(row));
    }
}

void push_part(b::Items& to, const app::RequestList& list, std::string_view none, std::string_view more,
               const SlackStyle& style) {
    to.push_back(b::header(fmt::format("part.{}", list.heading), list.heading));
    if (list.items.empty()) to.push_back(b::section(fmt::format("none.{}", list.heading), b::plain(none)));
    push_rows(to, list, style);
    if (list.next) to.push_back(b::section(fmt::format("more.{}", list.heading), b::plain(more)));
}

}  // namespace

std::string slack_permalink(const app::MessageRef& message, const SlackStyle& style) {
    if (!style.workspace_url.starts_with("https://") && !style.workspace_url.starts_with("http://"))
        return {};
    std::string ts = message.message;
    std::erase(ts, '.');
    auto plain = [](std::string_view text) {
        return !text.empty() && std::ranges::all_of(text, [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        });
    };
    if (!plain(ts) || !plain(message.channel)) return {};
    auto base = style.workspace_url;
    if (!base.ends_with('/')) base += '/';
    return fmt::format("{}archives/{}/p{}", base, message.channel, ts);
}

SlackPrivate slack_private_list(const app::RequestList& list, const SlackStyle& style) {
    const auto heading = inert_line(list.heading);
    b::Items blocks(b::section("heading", b::plain(heading)));
    push_rows(blocks, list, style);
    if (list.next)
        blocks.push_back(b::actions("list.next", b::Items(b::button(slack_list_page, "Next", *list.next))));
    return {slack_escaped(heading), std::move(blocks).take()};
}

JsonText slack_home_view(const app::HomePage& page, const SlackStyle& style) {
    b::Items blocks;
    push_part(blocks, page.waiting, "Nothing waits for you.", "There are more: /approvals list", style);
    if (!page.reviews.items.empty())
        push_part(blocks, page.reviews, "Nothing.", "There are more: /approvals reviews", style);
    push_part(blocks, page.own, "None of the latest requests is yours and pending.",
              "There are more: /approvals mine", style);
    push_part(blocks, page.decided, "Nothing that you had to do with was decided lately.",
              "There are more: /approvals mine", style);
    auto content = std::move(blocks).take();
    return json_object("blocks", content, "callback_id", "home", "type", "home");
}

}  // namespace countersign::wire
