"""What every picture says of its origin: that it is synthetic, and made from a photograph.

The term is IPTC's (http://cv.iptc.org/newscodes/digitalsourcetype), carried in XMP as Iptc4xmpExt:DigitalSourceType.
"""

from xml.sax.saxutils import escape

from PIL import ExifTags, Image

SOFTWARE = "Portrait Manifolds"
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MADE_OF = "madeOf"
"""Name of a frame's note of the portrait, camera and settings that it was drawn from."""

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
   <xmp:CreatorTool>{software}</xmp:CreatorTool>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{note}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def xmp_packet(note: str) -> str:
    """An XMP packet with IPTC's digital source type and `note` as the description."""
    return _XMP.format(source=DIGITAL_SOURCE_TYPE, software=SOFTWARE, note=escape(note))


def exif_note(note: str) -> Image.Exif:
    """EXIF with `note` as the description, for JPEGs."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription], exif[ExifTags.Base.Software] = note, SOFTWARE
    return exif
