"""Building blocks of the built-in scenes: shapes, fabrics, masonry, furniture, plants and textures."""
