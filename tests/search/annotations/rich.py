"""A document of ELAN with all kinds of things in it, written for these tests."""

import pathlib

from sign_jax.data.annotations import eaf

TEXT = """<?xml version='1.0' encoding="UTF-8" standalone = "yes" ?>
<!-- saved by hand -->
<ANNOTATION_DOCUMENT AUTHOR='Zoë "Z" Žák' DATE="2024-02-29T12:00:00+01:00" FORMAT="3.0"
   VERSION="3.0"  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
   xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <LICENSE LICENSE_URL="http://example.org/by">Terms &#38; uses</LICENSE>
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/video/Gespr%C3%A4ch%201.mp4" MIME_TYPE="video/mp4"
            RELATIVE_MEDIA_URL="../video/Gespr%C3%A4ch%201.mp4"/>
        <MEDIA_DESCRIPTOR EXTRACTED_FROM="file:///D:/tape.mov" MEDIA_URL="file:///D:/side.mp4"
            MIME_TYPE="video/mp4" TIME_ORIGIN="1500"></MEDIA_DESCRIPTOR>
        <LINKED_FILE_DESCRIPTOR LINK_URL="file:///D:/track.txt" MIME_TYPE="text/plain"/>
        <PROPERTY NAME="URN">urn:nl-mpi-tools-elan-eaf:5ed4d207</PROPERTY>
        <PROPERTY NAME="lastUsedAnnotationId">12</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/>
        <TIME_SLOT TIME_SLOT_ID="ts2"/><TIME_SLOT TIME_SLOT_ID="ts3" />
        <TIME_SLOT   TIME_SLOT_ID="ts4" TIME_VALUE="3000"/>
        <TIME_SLOT TIME_VALUE="3000" TIME_SLOT_ID="ts5"></TIME_SLOT>
        <TIME_SLOT TIME_SLOT_ID="ts6" TIME_VALUE="5000"/> <!-- not used -->
        <TIME_SLOT TIME_SLOT_ID="unused" TIME_VALUE="5000"/>
        <TIME_SLOT TIME_SLOT_ID="ts7"/>
        <TIME_SLOT TIME_SLOT_ID="ts8" TIME_VALUE="3500"/>
        <TIME_SLOT TIME_SLOT_ID="ts9" TIME_VALUE="4000"/>
    </TIME_ORDER>
    <TIER ANNOTATOR="Zoë" DEFAULT_LOCALE="nl" LANG_REF="nld" LINGUISTIC_TYPE_REF="free text" \
PARTICIPANT="A &amp; B" TIER_ID="SENTENCE">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts4">
                <ANNOTATION_VALUE>Het regent
  in 't  zuiden.&#x20;&#228;</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" SVG_REF="x" TIME_SLOT_REF1="ts5" \
TIME_SLOT_REF2="ts6">
                <ANNOTATION_VALUE><![CDATA[Wind < 3 & meer]]></ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts6" \
TIME_SLOT_REF2="ts7">
            <ANNOTATION_VALUE>nergens</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="parts" PARENT_REF="SENTENCE" TIER_ID="GLOSS" EXT_REF="er1">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" CVE_REF="cve1" TIME_SLOT_REF1="ts1" \
TIME_SLOT_REF2="ts2">
                <ANNOTATION_VALUE>RAIN</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a5" EXT_REF="er2 er1" TIME_SLOT_REF1="ts2" \
TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE>SOUTH</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a6" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
                <ANNOTATION_VALUE></ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="words" PARENT_REF="SENTENCE" TIER_ID="WORD">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a7" ANNOTATION_REF="a1" LANG_REF="eng">
                <ANNOTATION_VALUE>it</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a8" ANNOTATION_REF="a1" PREVIOUS_ANNOTATION="a7">
                <ANNOTATION_VALUE>rains</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="same" PARENT_REF="WORD" TIER_ID="Übersetzung">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a9" ANNOTATION_REF="a8">
                <ANNOTATION_VALUE>regnet</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="inside" PARENT_REF="SENTENCE" TIER_ID="PHASE">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a10" TIME_SLOT_REF1="ts8" TIME_SLOT_REF2="ts9">
                <ANNOTATION_VALUE>stroke</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="free text" TIER_ID="empty"/>
    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="free text" \
TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Time_Subdivision" CONTROLLED_VOCABULARY_REF="glosses" \
LINGUISTIC_TYPE_ID="parts" TIME_ALIGNABLE="true" LEXICON_REF="lr1"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Subdivision" LINGUISTIC_TYPE_ID="words" \
TIME_ALIGNABLE="false"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" CONTROLLED_VOCABULARY_REF="elsewhere" \
EXT_REF="er1" LINGUISTIC_TYPE_ID="same" TIME_ALIGNABLE="false"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Included_In" LINGUISTIC_TYPE_ID="inside" TIME_ALIGNABLE="true"/>
    <LOCALE COUNTRY_CODE="NL" LANGUAGE_CODE="nl"/>
    <LANGUAGE LANG_DEF="http://cdb.iso.org/lg/CDB-00138580-001" LANG_ID="nld" LANG_LABEL="Dutch"/>
    <LANGUAGE LANG_ID="eng"/>
    <CONSTRAINT DESCRIPTION="Time subdivision of parent annotation's time interval" \
STEREOTYPE="Time_Subdivision"/>
    <CONSTRAINT DESCRIPTION="Symbolic subdivision" STEREOTYPE="Symbolic_Subdivision"/>
    <CONSTRAINT DESCRIPTION="1-1 association" STEREOTYPE="Symbolic_Association"/>
    <CONSTRAINT STEREOTYPE="Included_In"/>
    <CONTROLLED_VOCABULARY CV_ID="glosses">
        <DESCRIPTION LANG_REF="eng">Glosses, &lt;small&gt;</DESCRIPTION>
        <CV_ENTRY_ML CVE_ID="cve1" EXT_REF="er2">
            <CVE_VALUE DESCRIPTION="weather" LANG_REF="eng">RAIN</CVE_VALUE>
            <CVE_VALUE LANG_REF="nld">REGEN</CVE_VALUE>
        </CV_ENTRY_ML>
    </CONTROLLED_VOCABULARY>
    <CONTROLLED_VOCABULARY CV_ID="elsewhere" EXT_REF="er3"/>
    <LEXICON_REF DATCAT_ID="d" DATCAT_NAME="n" LEXICON_ID="1" LEXICON_NAME="signs" \
LEX_REF_ID="lr1" NAME="signbank" TYPE="Signbank" URL="http://example.org/lexicon"/>
    <REF_LINK_SET LINK_SET_ID="rls1" LINK_SET_NAME="links" LANG_REF="eng">
        <CROSS_REF_LINK REF1="a1" REF2="a7" DIRECTIONALITY="undirected" REF_LINK_ID="rl1"/>
        <GROUP_REF_LINK REFS="a4 a5 rl1" REF_LINK_ID="rl2" REF_TYPE="theme">note</GROUP_REF_LINK>
    </REF_LINK_SET>
    <EXTERNAL_REF EXT_REF_ID="er1" TYPE="iso12620" VALUE="http://example.org/DC-1"/>
    <EXTERNAL_REF EXT_REF_ID="er2" TYPE="cve_id" VALUE="entry"/>
    <EXTERNAL_REF EXT_REF_ID="er3" TYPE="ecv" VALUE="http://example.org/signs.ecv"/>
</ANNOTATION_DOCUMENT>
<!-- the end -->
"""
_LINKS = TEXT.index("    <REF_LINK_SET"), TEXT.index("    <EXTERNAL_REF")
# Format 2.8 has no links between annotations.
TEXT_28 = (TEXT[: _LINKS[0]] + TEXT[_LINKS[1] :]).replace('3.0"', '2.8"').replace("v3.0", "v2.8")
# What another program has left there.
TEXT_ODD = TEXT.replace(
    "    <LICENSE",
    '<?pi "x"?>\n  <x:NOTES xmlns:x="urn:x">\t<x:N TIER_ID="SEARCH"/></x:NOTES>\n<LICENSE',
).replace('TIER_ID="PHASE"', 'TIER_ID="PHASE" COLOUR="red"')
BARE = (
    '<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00Z" VERSION="3.0"><HEADER/>'
    "<TIME_ORDER/></ANNOTATION_DOCUMENT>"
)


def parsed(text: str, encoding: str = "utf-8") -> eaf.Eaf:
  """A document of this text."""
  return eaf.parse(pathlib.Path("rich.eaf"), text.encode(encoding))
