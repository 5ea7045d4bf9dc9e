#include "countersign/wire/teams_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "wire/teams_blocks.hpp"

namespace countersign::wire {

namespace c = cards;
using core::CardSection;
using core::CardView;
using core::Verdict;
using Part = CardSection::Part;

namespace {

// Cut in one of these, and the card no longer shows everything that is approved.
bool approved(Part part) {
    return part == Part::what || part == Part::intent || part == Part::parameters;
}
constexpr std::size_t notice_chars_max = 500;
constexpr std::size_t viewer_id_bytes_max = 128;

// What may be long, and gets what the rest leaves.
bool spends_the_rest(Part part) {
    return part == Part::intent || part == Part::parameters;
}

std::string_view word_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::approve:
            return "You approved this.";
        case Verdict::deny:
            return "You denied this.";
        case Verdict::hold:
            return "You put this on hold.";
        case Verdict::release:
            return "You released this.";
        case Verdict::withdraw:
            return "You took your vote back.";
    }
    return "You voted.";
}

// Draws one card within its bytes: what must be there first, the long parts with what is left.
class TeamsCardWriter {
  public:
    TeamsCardWriter(const CardView& card, const TeamsStyle& style, const TeamsViewer* viewer)
        : card_(card), style_(style), viewer_(viewer), id_(card.id.text()) {}

    TeamsCard write(bool details_only) {
        const auto sections = core::card_sections(card_);
        const bool buttons = card_.buttons() && !details_only;
        const std::string summary = core::notification_text(card_);
        auto refresh = buttons ? refreshing() : c::Json{};
        spend(refresh.text.size() + summary.size() + frame_bytes + (buttons ? buttons_bytes : button_bytes));
        auto above = notes();
        std::vector<std::vector<c::Json>> drawn(sections.size());
        for (bool last : {false, true})
            for (std::size_t i = 0; i < sections.size(); ++i)
                if (spends_the_rest(sections[i].part) == last) drawn[i] = draw(sections[i]);
        c::Items body;
        for (const c::Json& note : above) body.push_back(note);
        for (const auto& blocks : drawn)
            for (const c::Json& block : blocks) body.push_back(block);
        c::Items actions;
        if (buttons) add_buttons(actions, body);
        if (details_only) actions.push_back(c::submit("Details", press(teams_details), true));
        auto card = c::card(std::move(body), std::move(actions), summary);
        if (!refresh.text.empty())
            card.text.insert(card.text.rfind(",\"type\""), ",\"refresh\":" + refresh.text);
        return {.card = std::move(card), .summary = summary, .whole = whole_};
    }

  private:
    static constexpr std::size_t frame_bytes = 400;
    static constexpr std::size_t buttons_bytes = 4'600;
    static constexpr std::size_t button_bytes = 500;
    static constexpr std::size_t section_bytes_max = 4'000;
    static constexpr std::size_t kept_for_parameters = 6'000;
    static constexpr std::size_t long_line_chars_min = 80;
    static constexpr std::size_t note_bytes = 220;  // of a line that says what was left out

    void spend(std::size_t bytes) { left_ -= std::min(left_, bytes); }
    c::Press press(std::string_view act) const {
        return {.act = act, .request = id_, .digest = card_.digest, .version = card_.version};
    }

    c::Json refreshing() const {
        if (style_.viewers.empty() || style_.viewers.size() > teams_viewers_max) return {};
        c::Items viewers;
        for (const std::string& id : style_.viewers) {
            c::Json quoted;
            core::quote_to(quoted.text, id);
            viewers.push_back(quoted);
        }
        auto data = json_object("act", teams_view, "digest", card_.digest, "form", 1, "request", id_,
                                "version", card_.version);
        auto action =
            json_object("data", data, "title", "Refresh", "type", "Action.Execute", "verb", teams_view);
        return json_object("action", action, "type", "Refresh", "userIds", std::move(viewers).take());
    }

    std::vector<c::Json> notes() {
        std::vector<c::Json> blocks;
        if (viewer_ == nullptr) return blocks;
        if (!viewer_->notice.empty())
            blocks.push_back(c::heading(c::shortened(printable(viewer_->notice), notice_chars_max).text));
        if (viewer_->voted && viewer_->notice.empty()) blocks.push_back(c::heading(word_of(*viewer_->voted)));
        for (const c::Json& block : blocks) spend(block.text.size() + 1);
        return blocks;
    }

    std::size_t room_for(Part part) const {
        if (!spends_the_rest(part)) return std::min(left_, section_bytes_max);
        if (part == Part::parameters) return left_;
        return left_ > 2 * kept_for_parameters ? left_ - kept_for_parameters : left_ / 2;
    }

    std::vector<c::Json> draw(const CardSection& section) {
        std::size_t room = room_for(section.part);
        std::vector<c::Json> blocks;
        auto put = [&](c::Json block) {
            const std::size_t bytes = block.text.size() + 1;
            spend(bytes);
            room -= std::min(room, bytes);
            blocks.push_back(std::move(block));
        };
        if (section.part == Part::headline) {
            put(headline(section));
            return blocks;
        }
        if (!section.heading.empty()) put(c::heading(section.heading));
        if (!section.note.empty()) put(c::said(section.note));
        std::size_t shown = 0;
        const std::size_t most = section.lines_max == 0 ? section.lines.size() : section.lines_max;
        for (; shown < std::min(most, section.lines.size()); ++shown) {
            const bool begins = shown == 0 && section.heading.empty() && section.note.empty();
            auto line = fitting(section, section.lines[shown], room, !begins);
            if (line.empty()) break;
            for (c::Json& block : line) put(std::move(block));
        }
        if (shown < section.lines.size()) {
            if (approved(section.part)) whole_ = false;
            put(c::said(fmt::format("and {} more: see Details", section.lines.size() - shown)));
        }
        return blocks;
    }
    c::Json headline(const CardSection& section) const {
        c::Items runs;
        for (const core::CardLine& line : section.lines)
            for (const core::CardRun& part : line)
                runs.push_back(c::run(
                    part.text,
                    {.strong = true, .literal = part.kind == core::CardRun::Kind::literal, .large = true}));
        return c::rich(std::move(runs));
    }

    // A line that is too long for the room is cut until it fits; empty: it does not.
    std::vector<c::Json> fitting(const CardSection& section, const core::CardLine& line, std::size_t room,
                                 bool close) {
        if (room <= note_bytes) return {};
        room -= note_bytes;
        std::size_t chars_max = 0;
        for (;;) {
            bool whole = true;
            auto blocks = c::line(line, style_, {.chars_max = chars_max, .close = close}, whole);
            std::size_t bytes = 0;
            for (const c::Json& block : blocks) bytes += block.text.size() + 1;
            if (bytes <= room) {
                if (approved(section.part) && !whole) whole_ = false;
                return blocks;
            }
            chars_max = chars_max == 0 ? room : chars_max * 3 / 4;
            if (chars_max < long_line_chars_min) return {};
        }
    }

    void add_buttons(c::Items& actions, c::Items& body) const {
        const bool voted_yes = viewer_ && viewer_->voted == Verdict::approve;
        const bool asks = viewer_ && viewer_->asks_reason.has_value();
        if (asks) {
            const auto act = core::name_of(*viewer_->asks_reason);
            body.push_back(c::reason_input(act, *viewer_->asks_reason == Verdict::approve));
            actions.push_back(c::execute(title_of(*viewer_->asks_reason), press(act), true));
        }
        if (voted_yes)
            actions.push_back(c::execute("Take my approval back", press(teams_withdraw)));
        else if (!asks && !(viewer_ && viewer_->behind))
            actions.push_back(c::execute("Approve", press(teams_approve)));
        if (!asks) actions.push_back(with_reason("Deny", teams_deny));
        if (card_.held)
            actions.push_back(c::execute("Release", press(teams_release)));
        else if (!asks)
            actions.push_back(with_reason("Hold", teams_hold));
        actions.push_back(c::submit("Details", press(teams_details), true));
    }
    static std::string_view title_of(Verdict verdict) {
        return verdict == Verdict::deny ? "Deny" : verdict == Verdict::hold ? "Hold" : "Approve";
    }
    c::Json with_reason(std::string_view title, std::string_view act) const {
        constexpr std::size_t action_chars_shown = 100;
        auto names = fmt::format("{} request #{}: {}", title, card_.number,
                                 c::shortened(visible(card_.action), action_chars_shown).text);
        c::Items body(c::heading(names), c::reason_input(act, false));
        return c::show_card(title, std::move(body), c::execute(title, press(act), true));
    }

    const CardView& card_;
    const TeamsStyle& style_;
    const TeamsViewer* viewer_;
    const std::string id_;
    std::size_t left_ = teams_card_bytes_max;
    bool whole_ = true;
};

}  // namespace

TeamsCard teams_card(const CardView& card, const TeamsStyle& style, const TeamsViewer* viewer) {
    return TeamsCardWriter{card, style, viewer}.write(false);
}

bool teams_card_is_whole(const CardView& card, const TeamsStyle& style) {
    // It is judged as it stands where there is least room: with everybody it can be made anew for, and with
    // the longest notice.
    TeamsStyle fullest = style;
    const std::string id(viewer_id_bytes_max, '2');
    fullest.viewers.assign(teams_viewers_max, id);
    TeamsViewer told;
    for (std::size_t i = 0; i < notice_chars_max; ++i) told.notice += "\U0001F4A5";
    return teams_card(card, fullest, &told).whole;
}

TeamsCard teams_private_card(const CardView& card, const TeamsStyle& style) {
    return TeamsCardWriter{card, style, nullptr}.write(true);
}

TeamsCard teams_retired_card(const CardView& card) {
    auto words =
        fmt::format("This was a second message about request #{}. The other one in this conversation counts.",
                    card.number);
    return {.card = c::card(c::Items(c::said(words)), {}, words), .summary = words};
}

}  // namespace countersign::wire
