"""Without --impl the plugin does nothing at all."""

import subprocess
import sys
import textwrap

HEAVY = ("numpy", "hypothesis", "torch", "pydantic", "rich")


def test_it_imports_nothing_heavy(pytester):
    pytester.makepyfile(
        f"""
        import sys

        def test_modules():
            assert "conformance.plugin" in sys.modules
            assert not [name for name in {HEAVY!r} if name in sys.modules]
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-q")
    result.assert_outcomes(passed=1)


def test_spec_files_are_not_collected(pytester):
    pytester.makefile(".toml", my_layer="[layer]\nname = 'Mine'\n")
    pytester.makepyfile(test_one="def test_one(): pass")
    result = pytester.runpytest(pytester.path)
    result.assert_outcomes(passed=1)
    assert "conformance:" not in result.stdout.str()


def test_the_package_itself_imports_nothing_heavy():
    code = textwrap.dedent(
        f"""
        import sys
        import conformance
        assert not [name for name in {HEAVY!r} if name in sys.modules]
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True)
