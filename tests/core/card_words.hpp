#pragma once
#include <string>
#include <vector>

#include "core/world.hpp"
#include "countersign/core/card_sections.hpp"

// What tests of cards read of them.
namespace countersign::core::testing {

// Words and names, without what a chat makes of them.
inline std::string text_of(const CardSection& section) {
    std::string text;
    for (const CardLine& line : section.lines) {
        for (const CardRun& run : line) {
            text += run.text;
            for (std::size_t i = 0; i < run.people.size(); ++i)
                text += (i > 0 ? ", @" : "@") + run.people[i].name;
            if (run.kind == CardRun::Kind::moment) text += rfc3339(run.at).substr(11, 5);
        }
        text += "\n";
    }
    if (!section.raw.empty()) text += section.raw + "\n";
    return text + (section.note.empty() ? "" : section.note + "\n");
}
inline std::string text_of(const std::vector<CardSection>& sections, CardSection::Part part) {
    std::string text;
    for (const CardSection& section : sections)
        if (section.part == part) text += text_of(section);
    return text;
}

inline CardView view_of(const Play& play, Surface surface = Surface::slack) {
    return card(play.c, decide(play.c), play.world.directory(), surface);
}
inline std::vector<CardSection> sections_of(const Play& play, Surface surface = Surface::slack) {
    return card_text(view_of(play, surface)).sections;
}

}  // namespace countersign::core::testing
