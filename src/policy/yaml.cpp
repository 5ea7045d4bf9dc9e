#include "policy/yaml.hpp"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "countersign/base/text.hpp"

namespace countersign::policy {
namespace {

constexpr std::int64_t whole_max = 9007199254740991;  // 2^53 − 1

// Ends the parser's run; caught below.
struct Refused {
    int line;
    int column;
    std::string message;
};

[[noreturn]] void refuse(const YAML::Mark& at, std::string message) {
    throw Refused{at.line + 1, at.column + 1, std::move(message)};
}

// Builds the tree from events, because the library's own nodes lose duplicates, aliases and tags.
class TreeBuilder : public YAML::EventHandler {
  public:
    void OnDocumentStart(const YAML::Mark& at) override {
        if (documents_++ > 0) refuse(at, "a policy file holds one document; remove the second");
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& at, YAML::anchor_t anchor) override {
        begin(at, "?", anchor, Node::Kind::null);
        end();
    }
    void OnAlias(const YAML::Mark& at, YAML::anchor_t) override {
        refuse(at, "aliases (*name) are not supported; write the value out");
    }
    void OnScalar(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        // The library reads these two escapes as bytes that are no text.
        if (!valid_utf8(value))
            refuse(
                at,
                "the escapes \\N and \\_ are not supported; write \\u0085 or \\u00A0 where they are meant");
        Node& node = begin(at, tag, anchor, Node::Kind::scalar);
        node.text = value;
        node.plain = tag != "!";
        end();
    }
    void OnSequenceStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        begin(at, tag, anchor, Node::Kind::list);
    }
    void OnSequenceEnd() override { end(); }
    void OnMapStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin(at, tag, anchor, Node::Kind::map);
    }
    void OnMapEnd() override { end(); }

    Node take() { return std::move(root_); }

  private:
    Node& begin(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
        if (anchor != 0) refuse(at, "anchors (&name) are not supported; write the value out");
        if (!tag.empty() && tag != "?" && tag != "!")
            refuse(at, "tags (!name) are not supported; quote the value to make it text");
        if (open_.size() >= policy_nesting_max)
            refuse(at, fmt::format("values nest deeper than {} levels", policy_nesting_max));
        Node node;
        node.kind = kind;
        node.line = at.line + 1;
        node.column = at.column + 1;
        open_.push_back(std::move(node));
        return open_.back();
    }
    void end() {
        Node done = std::move(open_.back());
        open_.pop_back();
        if (open_.empty()) {
            root_ = std::move(done);
            return;
        }
        Node& parent = open_.back();
        if (parent.kind == Node::Kind::map && parent.keys.size() == parent.items.size()) {
            if (done.kind != Node::Kind::scalar)
                throw Refused{done.line, done.column, "a key must be plain text"};
            parent.keys.push_back(std::move(done));
        } else {
            parent.items.push_back(std::move(done));
        }
    }

    std::vector<Node> open_;
    Node root_;
    int documents_ = 0;
};

// The line and column, from 1, of a byte.
std::pair<int, int> place_of(std::string_view yaml, std::size_t at) {
    const auto before = yaml.substr(0, at);
    const auto line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
    return {static_cast<int>(std::ranges::count(before, '\n')) + 1,
            static_cast<int>(code_points(before.substr(line_begin))) + 1};
}

// What is reviewed must be what stands there: nothing invisible, in comments either, and no directive that
// says another version of YAML than the one by which the file is read.
bool is_plain(std::string_view yaml, const std::string& file, Findings& findings) {
    auto wrong = [&](std::size_t at, std::string message) {
        auto [line, column] = place_of(yaml, at);
        findings.error(file, line, column, std::move(message));
        return false;
    };
    if (auto found = invisible_in(yaml))
        return wrong(found->at,
                     fmt::format("the invisible character {} stands here; remove it, or write it as an "
                                 "escape in double quotes where it is meant",
                                 found->shown));
    for (std::size_t at = 0; at < yaml.size();) {
        const auto line = yaml.substr(at, yaml.substr(at).find('\n'));
        const auto words = trim(line);
        if (line.starts_with('%') && words != "%YAML 1.2")
            return wrong(
                at, fmt::format("`{}` is not supported: a policy is read as YAML 1.2, without tags; remove "
                                "the line",
                                visible(words)));
        if (!line.starts_with('%') && !words.empty() && !words.starts_with('#')) break;
        at += line.size() + 1;
    }
    return true;
}

// The first line that is indented with a tab; nullopt: none is.
std::optional<std::size_t> tab_indentation(std::string_view yaml) {
    for (std::size_t at = 0; at < yaml.size();) {
        const auto line = yaml.substr(at, yaml.substr(at).find('\n'));
        const auto blank = std::min(line.find_first_not_of(" \t"), line.size());
        const auto tab = line.substr(0, blank).find('\t');
        if (tab != std::string_view::npos && blank < line.size()) return at + tab;
        at += line.size() + 1;
    }
    return std::nullopt;
}

bool integer_form(std::string_view text) {
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool float_form(std::string_view text) {
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    auto digits = [&] {
        auto count = std::min(text.find_first_not_of("0123456789"), text.size());
        text.remove_prefix(count);
        return count;
    };
    auto whole = digits();
    std::size_t fraction = 0;
    if (!text.empty() && text.front() == '.') {
        text.remove_prefix(1);
        fraction = digits();
    }
    if (whole + fraction == 0) return false;
    if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
        text.remove_prefix(1);
        if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
        if (digits() == 0) return false;
    }
    return text.empty();
}

std::optional<core::Value> whole(std::string_view digits, int base, bool negative) {
    std::uint64_t n = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n, base);
    if (error != std::errc{} || end != digits.data() + digits.size() ||
        n > static_cast<std::uint64_t>(whole_max))
        return std::nullopt;
    auto value = static_cast<double>(n);
    return core::Value{negative ? -value : value};
}

bool prefixed(std::string_view text, std::string_view prefix, std::string_view digits) {
    return text.starts_with(prefix) && text.size() > prefix.size() &&
           text.substr(prefix.size()).find_first_not_of(digits) == std::string_view::npos;
}

}  // namespace

bool read_yaml(std::string_view yaml, const std::string& file, Document& out, Findings& findings) {
    out.file = file;
    if (yaml.size() > policy_bytes_max) {
        findings.error(file, 0, 0, fmt::format("the file is larger than {} bytes", policy_bytes_max));
        return false;
    }
    if (!valid_utf8(yaml) || yaml.find('\0') != std::string_view::npos) {
        findings.error(file, 0, 0, "the file is not UTF-8 text");
        return false;
    }
    if (!is_plain(yaml, file, findings)) return false;
    TreeBuilder builder;
    try {
        std::istringstream stream{std::string{yaml}};
        YAML::Parser parser{stream};
        while (parser.HandleNextDocument(builder)) continue;
    } catch (const Refused& refused) {
        findings.error(file, refused.line, refused.column, refused.message);
        return false;
    } catch (const YAML::Exception& wrong) {
        if (auto tab = tab_indentation(yaml)) {
            auto [line, column] = place_of(yaml, *tab);
            findings.error(file, line, column, "a tab cannot indent YAML; use spaces");
            return false;
        }
        findings.error(
            file, wrong.mark.line + 1, wrong.mark.column + 1,
            fmt::format("this is not YAML: {} (inside {{ }}, quote whatever holds [ ] * or &)", wrong.msg));
        return false;
    }
    out.root = builder.take();
    return true;
}

std::optional<core::Value> scalar_value(const Node& node) {
    if (node.kind == Node::Kind::null) return core::Value{};
    std::string_view text = node.text;
    if (!node.plain) return core::Value{text};
    if (text == "true" || text == "True" || text == "TRUE") return core::Value{true};
    if (text == "false" || text == "False" || text == "FALSE") return core::Value{false};
    if (integer_form(text)) {
        const bool sign = text.front() == '-' || text.front() == '+';
        return whole(text.substr(sign ? 1 : 0), 10, text.front() == '-');
    }
    if (prefixed(text, "0o", "01234567")) return whole(text.substr(2), 8, false);
    if (prefixed(text, "0x", "0123456789abcdefABCDEF")) return whole(text.substr(2), 16, false);
    if (float_form(text)) {
        auto number = core::unrounded(text);
        return number ? std::optional{core::Value{*number}} : std::nullopt;
    }
    auto bare = text;
    if (!bare.empty() && (bare.front() == '-' || bare.front() == '+')) bare.remove_prefix(1);
    if (bare == ".inf" || bare == ".Inf" || bare == ".INF" || bare == ".nan" || bare == ".NaN" ||
        bare == ".NAN")
        return std::nullopt;
    return core::Value{text};
}

}  // namespace countersign::policy
