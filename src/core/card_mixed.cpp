#include "core/card_mixed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/card_runs.hpp"
#include "core/parameters.hpp"

namespace countersign::core {

void MixedWords::look(std::string_view text) {
    text = clip_utf8(text, text_bytes_max_);
    const bool ascii = std::ranges::none_of(text, [](char c) { return (c & 0x80) != 0; });
    if (ascii || found_.size() > words_max_) return;
    for (MixedWord& one : mixed_scripts(text))
        if (std::ranges::find(found_, one) == found_.end()) found_.push_back(std::move(one));
}

void MixedWords::look_beside_parameters(const CardView& card) {
    if (card.resource) look(*card.resource);
    look(card.intent);
    for (const auto& [name, value] : card.labels) {
        look(name);
        look(value);
    }
    for (const Link& link : card.links) {
        look(link.title);
        look(link.url);
    }
}

std::vector<CardLine> MixedWords::lines(std::size_t shown_max) const {
    std::vector<CardLine> lines;
    for (std::size_t i = 0; i < found_.size() && i < shown_max; ++i)
        lines.push_back({strong("Careful: "), named(found_[i].word),
                         words(fmt::format(" mixes {} letters", found_[i].scripts))});
    if (found_.size() > shown_max) lines.push_back({strong("Careful: "), words("other words do so too")});
    return lines;
}

CardSection all_mixed_words(const CardView& card) {
    MixedWords mixed{SIZE_MAX, mixed_words_max};
    mixed.look_beside_parameters(card);
    if (card.parameters)
        each_parameter(*card.parameters, [&](const Parameter& one) {
            mixed.look(one.path);
            mixed.look(one.value->text());
            return true;
        });
    return {CardSection::Part::what, {}, mixed.lines(mixed_words_max)};
}

}  // namespace countersign::core
