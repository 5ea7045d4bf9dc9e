#include "countersign/core/card_button.hpp"

#include <array>

namespace countersign::core {
namespace {

constexpr std::array<Verdict, 7> verdicts_of_buttons{Verdict::approve, Verdict::deny,  Verdict::hold,
                                                     Verdict::release, Verdict::lower, Verdict::revoke,
                                                     Verdict::review};

}  // namespace

std::optional<Verdict> verdict_of(CardButton button) {
    if (button == CardButton::details) return std::nullopt;
    return verdicts_of_buttons.at(static_cast<std::size_t>(button));
}

std::optional<CardButton> button_of(Verdict verdict) {
    for (std::size_t i = 0; i < verdicts_of_buttons.size(); ++i)
        if (verdicts_of_buttons.at(i) == verdict) return static_cast<CardButton>(i);
    return std::nullopt;
}

std::string_view name_of(CardButton button) {
    const auto verdict = verdict_of(button);
    return verdict ? words_of(*verdict).title : "Details";
}

std::string_view id_of(CardButton button) {
    const auto verdict = verdict_of(button);
    return verdict ? words_of(*verdict).name : "details";
}

std::optional<CardButton> parse_card_button(std::string_view id) {
    if (id == id_of(CardButton::details)) return CardButton::details;
    const auto verdict = parse_verdict(id);
    return verdict ? button_of(*verdict) : std::nullopt;
}

}  // namespace countersign::core
