// Where a page is drawn twice at once, Streamlit lets an older drawing come after the newer one,
// and calls what it returned while its place still stands. In one place only the newest counts.

const newestIn = new WeakMap();

function takeBack(place) {
  const drawing = newestIn.get(place);
  newestIn.delete(place);
  drawing?.takeBack?.();
}

// `draw` shows a component's data and returns what takes that back, if anything: it is called
// once, before the next drawing in that place or when the place is gone. Data come as JSON in
// UTF-8, with the time of the drawing.
export function newestOnly(draw) {
  return (component) => {
    const { parentElement: place } = component;
    const { drawn_at: drawnAt, shown } = JSON.parse(new TextDecoder().decode(component.data));
    const overtaken = newestIn.get(place)?.drawnAt > drawnAt;
    if (!overtaken) {
      takeBack(place);
      newestIn.set(place, { drawnAt, takeBack: draw({ ...component, data: shown }) });
    }
    return () => {
      if (!place.isConnected) takeBack(place);
    };
  };
}
