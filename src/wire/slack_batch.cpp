#include "countersign/wire/slack_batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/slack_card.hpp"
#include "wire/slack_blocks.hpp"

namespace countersign::wire {

namespace b = blocks;
using core::CardSection;
using Part = CardSection::Part;

namespace {

constexpr std::size_t batch_row_units_max = 76;  // of each line: about two of a phone
constexpr std::size_t together_note_bytes_max = 3'000;
constexpr std::size_t left_out_shown_max = 20;

std::string batch_line(std::string_view safe) {
    auto shown = b::cut(std::string(safe), batch_row_units_max).text;
    return trim(shown).empty() ? std::string{"…"} : shown;
}

// New whenever it stands otherwise: else what a client remembers of a block may stick to the next one.
std::string batch_block(std::string_view part, const core::BatchView& batch) {
    return fmt::format("{}.{}.{}", part, batch.id.text(), batch.open());
}

// A row is as low as it can be: what can be done about its request alone stands in a menu beside it. Approve
// opens the full view there, because a row does not say all that is asked for.
b::Json row_of(const core::BatchRow& row) {
    const auto id = row.id.text();
    std::string words = fmt::format("#{}", row.number);
    if (!row.what.empty()) words += "  " + batch_line(row.what);
    words += "\n" + batch_line(row.stands);
    if (row.buttons.empty()) return b::section(fmt::format("row.{}", id), b::plain(words));
    std::vector<std::pair<std::string, std::string>> options;
    for (const core::CardButton one : row.buttons)
        options.emplace_back(core::name_of(one), fmt::format("{} {}", core::id_of(one), id));
    return b::section(fmt::format("act.{}{}", id, slack_row_suffix), b::plain(words),
                      b::menu(slack_row, options));
}

// What of a card is asked for: the rest is the same for all of them, and stands on the list.
bool is_asked(const CardSection& section) {
    return section.part == Part::intent || section.part == Part::what || section.part == Part::labels;
}

void push_request(b::Items& to, const core::CardView& card, const SlackStyle& style) {
    b::Items elements;
    b::Items head(b::bold(fmt::format("#{}  ", card.number)));
    b::push_text(head, core::headline_text(card));
    elements.push_back(b::rich_section(std::move(head)));
    const core::CardText text = core::card_text(card);
    for (const CardSection& section : text.sections) {
        if (!is_asked(section)) continue;
        if (section.part == Part::intent)
            elements.push_back(b::rich_quote(b::Items(b::text(b::plain_line(section.lines.front())))));
        else
            b::push_section(elements, section, style);
    }
    to.push_back(b::rich_text(fmt::format("of.{}", card.id.text()), std::move(elements)));
}

std::string note_text(const SlackTogetherNote& note) {
    JsonItems asked;
    for (const app::AskedAbout& one : note.asked)
        asked.push_back(
            json_object("digest", one.digest, "request", one.request.text(), "version", one.version));
    return json_object("asked", std::move(asked).take(), "channel", note.channel, "message", note.message)
        .text;
}

}  // namespace

SlackMessage slack_batch(const core::BatchView& batch, const SlackStyle&) {
    b::Items blocks(b::header(batch_block("head", batch), batch_line(batch.headline)),
                    b::section(batch_block("who", batch), b::plain(batch_line(batch.who))));
    for (const core::BatchRow& row : batch.rows) blocks.push_back(row_of(row));
    if (batch.open() > 0) {
        const auto label = fmt::format("Approve {} together …", batch.open());
        blocks.push_back(b::actions(batch_block("together", batch),
                                    b::Items(b::button(slack_together, label, batch.id.text(), "primary"))));
    }
    SlackMessage message;
    message.text = slack_escaped(batch.notification);
    message.blocks = std::move(blocks).take();
    message.metadata = json_object("event_payload", json_object("batch_id", batch.id.text()), "event_type",
                                   slack_batch_event);
    return message;
}

SlackMessage slack_retired_batch(const core::BatchView& batch) {
    const auto first = batch.rows.empty() ? 0 : batch.rows.front().number;
    return slack_words_alone(fmt::format(
        "This was a second list of the requests from #{} on. The other one in this channel counts.", first));
}

JsonText slack_together_view(const app::ApproveTogether& question, const SlackStyle& style,
                             const SlackTogetherNote& note) {
    const auto count = question.cards.size();
    b::Items blocks(b::section(
        "about", b::plain(count == 1 ? std::string{"One request. Nothing is recorded yet."}
                                     : fmt::format("{} requests, each with all that it asks for. Nothing is "
                                                   "recorded yet.",
                                                   count))));
    for (const core::CardView& card : question.cards) push_request(blocks, card, style);
    for (std::size_t i = 0; i < question.left_out.size() && i < left_out_shown_max; ++i) {
        auto words = b::cut(printable(question.left_out[i]), 400).text;
        if (trim(words).empty()) continue;
        blocks.push_back(b::section(fmt::format("left.{}", i), b::plain("Not among them: " + words)));
    }
    auto content = std::move(blocks).take();
    return json_object("blocks", content, "callback_id", slack_together, "close", b::plain("Cancel"),
                       "private_metadata", note_text(note), "submit",
                       b::plain(fmt::format("Approve {} shown", count)), "title",
                       b::plain("Approve together"), "type", "modal");
}

std::optional<SlackTogetherNote> read_slack_together_note(std::string_view metadata) {
    auto parsed = parse_json(metadata, {.bytes_max = together_note_bytes_max, .strict = false});
    const auto* items = parsed ? (*parsed)["asked"].items() : nullptr;
    if (items == nullptr || items->empty() || items->size() > app::approve_together_max) return std::nullopt;
    SlackTogetherNote note{.channel = std::string((*parsed)["channel"].text()),
                           .message = std::string((*parsed)["message"].text())};
    for (const core::Value& one : *items) {
        auto request = core::RequestId::parse(one["request"].text());
        if (!request) return std::nullopt;
        note.asked.push_back(
            {*request, static_cast<std::int32_t>(one["version"].whole()), std::string(one["digest"].text())});
    }
    return note;
}

}  // namespace countersign::wire
