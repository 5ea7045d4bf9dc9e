#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "countersign/adapters/config.hpp"

// How one value of the file, or of the environment, gets into the settings, and what it must look like.
namespace countersign::config {

// Puts the item where it belongs, or says what is wrong with it. Relative paths of an item start from
// `folder`, where "" is the working directory.
using Setter = std::function<Result<Done>(Settings&, const Item&, const std::string& folder)>;

// Leads to a member of the settings, or to one of a part of them.
template <class Value>
class Member {
  public:
    Member(Value Settings::* member) : of_([member](Settings& s) -> Value& { return s.*member; }) {}
    template <class Part>
    Member(Part Settings::* part, Value Part::* member)
        : of_([part, member](Settings& s) -> Value& { return s.*part.*member; }) {}
    Value& of(Settings& settings) const { return of_(settings); }

  private:
    std::function<Value&(Settings&)> of_;
};

Setter text(Member<std::string> member);
Setter secret(Member<Secret> member);
Setter list(Member<std::vector<std::string>> member);
Setter yes_or_no(Member<bool> member);
Setter whole_number(Member<std::size_t> member, std::size_t least, std::size_t most);
Setter path(Member<std::string> member);
// A key whose value is the path of a key, or of a folder of them. Whoever gives the key itself is told so,
// without it.
Setter key_file(Member<std::string> member, std::string_view what = "file");
// A key whose value is the path of a file whose content counts.
Setter content(Member<std::string> member);
Setter secret_content(Member<Secret> member);
// Ids of Entra are the same in either letter case: they are kept in lower case, so that one comparison does
// for all.
Setter guid(Member<std::string> member);

// The path of a file that a value names. "" for an empty value.
std::string path_in(const std::string& folder, const std::string& value);
// So long are a secret and whatever else a file holds that a setting names.
inline constexpr std::size_t secret_bytes_max = 64 * 1024;

}  // namespace countersign::config
