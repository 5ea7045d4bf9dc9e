#include "config/document.hpp"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "countersign/base/text.hpp"

namespace countersign::config {
namespace {

constexpr int nesting_max = 5;  // the deepest key is a claim of an issuer

struct DocumentReader {
    const std::string& file;
    std::vector<Item> items;

    std::string location(const YAML::Mark& mark) const {
        return fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
    }
    std::unexpected<Failure> wrong(const YAML::Mark& mark, std::string_view what) const {
        return fail(Trouble::invalid_input, fmt::format("{}: {}", location(mark), what));
    }

    Result<Done> map(const YAML::Node& node, const std::string& prefix, int depth) {
        if (depth > nesting_max) return wrong(node.Mark(), "this is nested too deeply");
        std::set<std::string> seen;
        for (const auto& pair : node) {
            const YAML::Node& name = pair.first;
            if (!name.IsScalar()) return wrong(name.Mark(), "a key must be a word");
            if (!seen.insert(name.Scalar()).second) {
                return wrong(name.Mark(), fmt::format("'{}' stands here twice", visible(name.Scalar())));
            }
            std::string key = prefix.empty() ? name.Scalar() : prefix + "." + name.Scalar();
            auto read = value(pair.second, name.Mark(), key, depth);
            if (!read) return read;
        }
        return Done{};
    }

    Result<Done> value(const YAML::Node& node, const YAML::Mark& mark, const std::string& key, int depth) {
        if (node.IsMap()) return map(node, key, depth + 1);
        const std::string& tag = node.Tag();
        if (!tag.empty() && tag != "?" && tag != "!") return wrong(mark, "YAML tags are not used here");
        Item item{.key = key, .location = location(mark), .text = {}, .items = {}};
        if (node.IsSequence()) {
            item.list = true;
            std::size_t maps = 0;
            for (const YAML::Node& each : node) {
                if (each.IsMap()) {
                    auto read = map(each, fmt::format("{}[{}]", key, maps++), depth + 1);
                    if (!read) return read;
                    continue;
                }
                if (!each.IsScalar() || maps > 0) {
                    return wrong(each.Mark(), fmt::format("{}: each item must be a text", visible(key)));
                }
                item.items.push_back(each.Scalar());
            }
            if (maps > 0 && item.items.empty()) return Done{};  // each of the maps was read by its own items
            if (maps > 0) return wrong(mark, fmt::format("{}: either maps or texts", visible(key)));
        } else if (node.IsScalar()) {
            item.text = node.Scalar();
        } else {
            item.null = true;
        }
        items.push_back(std::move(item));
        return Done{};
    }
};

}  // namespace

std::unexpected<Failure> wrong(const Item& item, std::string_view what) {
    return fail(Trouble::invalid_input, fmt::format("{}: {} {}", item.location, item.key, what));
}

Result<std::vector<Item>> read_document(const std::string& file, const std::string& text) {
    DocumentReader reader{file, {}};
    try {
        YAML::Node root = YAML::Load(text);
        if (root.IsNull()) return reader.items;
        if (!root.IsMap()) return reader.wrong(root.Mark(), "a configuration is a map of keys and values");
        auto read = reader.map(root, "", 1);
        if (!read) return pass(read);
    } catch (const YAML::Exception& e) {
        return reader.wrong(e.mark, fmt::format("this is not YAML: {}", e.msg));
    }
    return std::move(reader.items);
}

}  // namespace countersign::config
