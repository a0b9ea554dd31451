//! A table whose indices are handed out and reused.

/// Values by small numbers.
pub struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a value in.
    pub fn insert(&mut self, value: T) -> u32 {
        if let Some(i) = self.free.pop() {
            self.places[i as usize] = Some(value);
            return i;
        }
        self.places.push(Some(value));
        self.places.len() as u32 - 1
    }

    /// The value at `i`.
    pub fn get(&self, i: u32) -> Option<&T> {
        self.places.get(i as usize)?.as_ref()
    }

    /// The value at `i`.
    pub fn get_mut(&mut self, i: u32) -> Option<&mut T> {
        self.places.get_mut(i as usize)?.as_mut()
    }

    /// Takes the value at `i` out.
    pub fn remove(&mut self, i: u32) -> Option<T> {
        let value = self.places.get_mut(i as usize)?.take()?;
        self.free.push(i);
        Some(value)
    }

    /// All values with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.places).filter_map(|(i, v)| Some((i, v.as_ref()?)))
    }

    /// All values with their numbers.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        (0..).zip(&mut self.places).filter_map(|(i, v)| Some((i, v.as_mut()?)))
    }
}
