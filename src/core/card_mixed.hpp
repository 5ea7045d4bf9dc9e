#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"

// Words of a request that a reader could take for others: their letters come from scripts that are not
// written together.
namespace countersign::core {

class MixedWords {
  public:
    // Reads so many bytes of each text, and keeps at most `words_max` + 1 of the words found.
    MixedWords(std::size_t text_bytes_max, std::size_t words_max)
        : text_bytes_max_(text_bytes_max), words_max_(words_max) {}
    void look(std::string_view text);
    // Looks at resource, intent, labels and links.
    void look_beside_parameters(const CardView& card);
    // Returns a line for each word, at most `shown_max`, and one more where there are others.
    std::vector<CardLine> lines(std::size_t shown_max) const;

  private:
    std::size_t text_bytes_max_;
    std::size_t words_max_;
    std::vector<MixedWord> found_;
};
// Lists such words of all that is asked, wherever they stand.
CardSection all_mixed_words(const CardView& card);

}  // namespace countersign::core
